const nanosecondsPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // The micro sign.
  μs: 1e3, // The Greek letter, which Go accepts too.
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const wholePattern = /^\+?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const partPattern = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

// The timers of Node.js fire at once when asked for more than 2^31-1 ms, so a limit well below that is kept.
const longestMs = 24 * 60 * 60 * 1000;

/**
 * Reads a duration as Go writes it (`10s`, `500ms`, `1m30s`) and returns whole milliseconds from 0 to 24 hours.
 * A fraction of a millisecond is rounded up, so that a wait that was asked for never becomes none.
 *
 * Throws an Error that quotes the text when it is no such duration.
 */
export function parseDurationMs(text: string): number {
  if (!wholePattern.test(text)) {
    throw new Error(`${JSON.stringify(text)} is not a duration such as 10s, 500ms or 1m30s`);
  }
  let nanoseconds = 0;
  for (const [, amount, unit = ''] of text.matchAll(partPattern)) {
    nanoseconds += Number(amount) * (nanosecondsPerUnit[unit] ?? 0);
  }
  const durationMs = Math.ceil(Math.round(nanoseconds) / 1e6);
  if (durationMs > longestMs) {
    throw new Error(`${JSON.stringify(text)} is longer than 24h, the longest duration`);
  }
  return durationMs;
}
