export const cacheDirectory: string;
export function inProject(...parts: string[]): string;
