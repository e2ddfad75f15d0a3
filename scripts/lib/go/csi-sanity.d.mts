export const csiSanityPath: string;
export function csiSanityObstacle(): string | undefined;
export function installCsiSanity(): void;
