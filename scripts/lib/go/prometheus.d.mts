export const prometheusPath: string;
export const promtoolPath: string;
export function prometheusObstacle(): string | undefined;
export function installPrometheus(): void;
