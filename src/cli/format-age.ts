const UNITS = [
  ['d', 24 * 60 * 60],
  ['h', 60 * 60],
  ['m', 60],
] as const;

/** How long ago a time was, in its largest unit: `3d`, `5h`, `12m`, `40s`. */
export function formatAge(time: string, now: Date): string {
  return inLargestUnit(now.getTime() - Date.parse(time));
}

/** How long it is until a time, in the same form. */
export function formatTimeUntil(time: string, now: Date): string {
  return inLargestUnit(Date.parse(time) - now.getTime());
}

function inLargestUnit(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? ['s', 1];
  return `${Math.floor(seconds / length)}${unit}`;
}
