export function inOwnNamespace(command: readonly string[]): string[];
