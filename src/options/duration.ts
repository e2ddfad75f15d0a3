const nanosecondsPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // The micro sign.
  μs: 1e3, // The Greek letter mu, which Go accepts too.
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const wholePattern = /^\+?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;
const partPattern = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

// Node.js timers fire immediately for more than 2^31-1 ms, so the limit is well below that.
const longestMs = 24 * 60 * 60 * 1000;

/**
 * Parses a duration in Go's format (`10s`, `500ms`, `1m30s`) and returns whole milliseconds from 0 to 24 hours. A
 * fraction of a millisecond is rounded up, so that a requested wait never becomes zero.
 *
 * @throws Error that quotes the text if it is not such a duration
 */
export function parseDurationMs(text: string): number {
  if (!wholePattern.test(text)) {
    throw new Error(`${JSON.stringify(text)} must be a duration such as 10s, 500ms or 1m30s`);
  }
  let nanoseconds = 0;
  for (const [, amount, unit = ''] of text.matchAll(partPattern)) {
    nanoseconds += Number(amount) * (nanosecondsPerUnit[unit] ?? 0);
  }
  const durationMs = Math.ceil(Math.round(nanoseconds) / 1e6);
  if (durationMs > longestMs) {
    throw new Error(`${JSON.stringify(text)} must be at most 24h`);
  }
  return durationMs;
}
