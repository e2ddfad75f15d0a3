export const csiProvisionerPath: string;
export function installCsiProvisioner(): void;
