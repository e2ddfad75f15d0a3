import type { Kind, PoolName } from './kinds.ts';

/** A volume whose creation was acknowledged, and what was acknowledged since. */
export interface Volume {
  readonly id: string;
  readonly kind: Kind;
  sizeBytes: number;
  /** The text that its content repeats; undefined while nothing is written. */
  marker: string | undefined;
  isRetained: boolean;
  isAttached: boolean;
  isStaged: boolean;
  isPublished: boolean;
  readonly staging: string;
  readonly target: string;
}

export interface Snapshot {
  readonly id: string;
  readonly kind: Kind;
  readonly sourceId: string;
  readonly sizeBytes: number;
  readonly marker: string | undefined;
  readonly groupId: string | undefined;
}

/** The calls of one client that the driver has acknowledged: exactly these objects must exist. */
export class Ledger {
  readonly volumes = new Map<string, Volume>();
  readonly snapshots = new Map<string, Snapshot>();
  /** Deleted volumes whose content is kept, and counts. */
  readonly retained = new Map<string, Volume>();

  get groupIds(): string[] {
    return [...new Set([...this.snapshots.values()].flatMap(({ groupId }) => groupId ?? []))];
  }

  membersOf(groupId: string): Snapshot[] {
    return [...this.snapshots.values()].filter((each) => each.groupId === groupId);
  }
}

/** The ledgers of all clients as one. */
export function combined(ledgers: readonly Ledger[]): Ledger {
  const all = new Ledger();
  for (const { volumes, snapshots, retained } of ledgers) {
    for (const [id, volume] of volumes) all.volumes.set(id, volume);
    for (const [id, snapshot] of snapshots) all.snapshots.set(id, snapshot);
    for (const [id, volume] of retained) all.retained.set(id, volume);
  }
  return all;
}

/** The bytes that the volumes of a pool count for. */
export function countedBytes({ volumes, retained }: Ledger, pool: PoolName): number {
  const counted = [...volumes.values(), ...retained.values()].filter(({ kind }) => kind.pool === pool);
  return counted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
