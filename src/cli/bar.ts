const WIDTH = 20;

/** A share as a bar with its percentage: `[#####---------------]  25 %`. */
export function bar(part: number, whole: number): string {
  const share = whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;
  // Something is never shown as nothing, nor almost full as full.
  const filled =
    share > 0 && share < 1 ? Math.min(WIDTH - 1, Math.max(1, Math.round(share * WIDTH))) : share * WIDTH;
  const percent = Math.round(share * 100)
    .toString()
    .padStart(3);
  return `[${'#'.repeat(filled)}${'-'.repeat(WIDTH - filled)}] ${percent} %`;
}
