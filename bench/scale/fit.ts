/** A value that grows with the number of nodes. */
export interface Line {
  readonly base: number;
  readonly perNode: number;
}

/** The straight line that is closest to measured values (least squares). */
export function fitLine(points: readonly { readonly nodes: number; readonly value: number }[]): Line {
  const meanNodes = mean(points.map(({ nodes }) => nodes));
  const meanValue = mean(points.map(({ value }) => value));
  const slope =
    sum(points.map(({ nodes, value }) => (nodes - meanNodes) * (value - meanValue))) /
    sum(points.map(({ nodes }) => (nodes - meanNodes) ** 2));
  return { base: meanValue - slope * meanNodes, perNode: slope };
}

export function valueAt({ base, perNode }: Line, nodes: number): number {
  return base + perNode * nodes;
}

/** Such as "12 + 7.6 × nodes". What is far less than one node's share is left out. */
export function formulaOf({ base, perNode }: Line): string {
  const hasSlope = Math.abs(perNode) * 100 > Math.abs(base) / 100;
  if (!hasSlope) return inDigits(base);
  const product = `${inDigits(perNode)} × nodes`;
  if (Math.abs(base) < Math.abs(perNode) / 100) return product;
  return base < 0 ? `${product} − ${inDigits(-base)}` : `${inDigits(base)} + ${product}`;
}

/** With two or three digits, or more if they are before the point. */
export function inDigits(value: number): string {
  const size = Math.abs(value);
  const short = size >= 100 ? value.toFixed(0) : value.toPrecision(size >= 1 ? 3 : 2);
  return Number(short).toLocaleString('en', { maximumSignificantDigits: 21 });
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
