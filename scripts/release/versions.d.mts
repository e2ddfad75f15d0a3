export function versionProblems(root: string): string[];
export function releaseProblems(root: string, tag?: string): string[];
export function setVersion(root: string, newVersion: string): void;
