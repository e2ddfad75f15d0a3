/** The lesser of two amounts; Math.min does not accept bigint. */
export function min(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

/** The greater of two amounts. */
export function max(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
