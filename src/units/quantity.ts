// A Kubernetes API quantity: a decimal number, followed by a decimal suffix, a binary suffix or an exponent.
const pattern = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:([KMGTPE]i|[numkMGTPE]?)|[eE]([+-]?\d{1,3}))$/;

const powersOfTen: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

const powersOfTwo: Readonly<Record<string, bigint>> = {
  Ki: 10n,
  Mi: 20n,
  Gi: 30n,
  Ti: 40n,
  Pi: 50n,
  Ei: 60n,
};

/** The largest size that CSI can transmit: its sizes are int64. */
export const largestSizeBytes = 2n ** 63n - 1n;

// A longer text cannot be a real size, and would take time to compute.
const maxTextLength = 64;

/**
 * Parses a plain number of bytes or a Kubernetes quantity (`500M`, `1.5Gi`, `1e9`) and returns exact bytes. A fraction
 * of a byte is rounded up, as in Kubernetes. Unlike in Kubernetes, a size over 2^63-1 is not capped.
 *
 * @throws Error that quotes the text if it is not a quantity, is negative or is too large
 */
export function parseQuantityBytes(text: string): bigint {
  const match = text.length > maxTextLength ? null : pattern.exec(text);
  if (match === null) {
    throw new Error(`${JSON.stringify(text)} is not a size such as 1099511627776, 500M or 1.5Gi`);
  }
  const [, sign, whole = '', fraction = match[4] ?? '', , suffix = '', exponent] = match;
  const mantissa = BigInt(whole + fraction);
  if (sign === '-' && mantissa > 0n) {
    throw new Error(`${JSON.stringify(text)} must not be negative`);
  }
  const tens = Number(exponent ?? powersOfTen[suffix] ?? 0) - fraction.length;
  const multiplied = mantissa * 2n ** (powersOfTwo[suffix] ?? 0n) * 10n ** BigInt(Math.max(tens, 0));
  const sizeBytes = divideRoundingUp(multiplied, 10n ** BigInt(Math.max(-tens, 0)));
  if (sizeBytes > largestSizeBytes) {
    throw new Error(`${JSON.stringify(text)} exceeds the maximum size of ${largestSizeBytes} bytes`);
  }
  return sizeBytes;
}

function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}
