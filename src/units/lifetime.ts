const secondsPerUnit = { d: 86_400, h: 3600, m: 60, s: 1 } as const;
const units = Object.entries(secondsPerUnit);

const lifetimePattern = /^(?:\d+[dhms])+$/;
const partPattern = /(\d+)([dhms])/g;

/** A hundred years, so that a date after it can be written. */
const longestSeconds = 36_500 * secondsPerUnit.d;

/** Parses a lifetime such as `72h` or `1d12h`, from a second to a hundred years; undefined for any other text. */
export function parseLifetimeSeconds(text: string): number | undefined {
  if (!lifetimePattern.test(text)) return undefined;
  const parts = [...text.matchAll(partPattern)];
  const seconds = parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * secondsPerUnit[unit as keyof typeof secondsPerUnit],
    0,
  );
  return seconds >= 1 && seconds <= longestSeconds ? seconds : undefined;
}

/** The shortest text that `parseLifetimeSeconds` reads as this. */
export function formatLifetime(seconds: number): string {
  let rest = seconds;
  let text = '';
  for (const [unit, length] of units) {
    const amount = Math.floor(rest / length);
    if (amount > 0) text += `${amount}${unit}`;
    rest -= amount * length;
  }
  return text;
}
