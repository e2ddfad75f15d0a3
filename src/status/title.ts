import type { VolumeReport } from './report.ts';

/** What people call a volume: its claim; without one its name, or the id of an inline volume. */
export function titleOf({ claim, name, id }: Pick<VolumeReport, 'claim' | 'name' | 'id'>): string {
  return claim ? `${claim.namespace}/${claim.name}` : (name ?? id);
}
