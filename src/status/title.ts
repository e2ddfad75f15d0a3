import type { ClaimReport } from './report.ts';

interface Titled {
  readonly id: string;
  readonly name?: string | undefined;
  readonly claim?: ClaimReport | undefined;
}

/** What people call a volume: its claim; without one its name, or the id of an inline volume. */
export function titleOf({ claim, name, id }: Titled): string {
  return claim ? `${claim.namespace}/${claim.name}` : (name ?? id);
}
