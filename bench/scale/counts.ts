import { sum } from './fit.ts';
import type { ClaimNumbers, Counts } from './numbers.ts';

export function total(counts: Counts): number {
  return sum(Object.values(counts));
}

/** The requests that create and delete a claim. */
export function together({ created, deleted }: ClaimNumbers): Counts {
  const names = [...new Set([...Object.keys(created), ...Object.keys(deleted)])].sort();
  return Object.fromEntries(names.map((name) => [name, (created[name] ?? 0) + (deleted[name] ?? 0)]));
}
