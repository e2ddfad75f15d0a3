import type { AccessMode } from './access-mode.ts';

/** The owner and mode of a volume's root directory, set once when the root is made. */
export interface RootOwnership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, including set-group-id and sticky, up to 0o7777. */
  readonly mode: number;
}

/** How a volume's bytes are provisioned. */
export type BackendKind = 'directory';

/** A volume that exists. */
export interface Volume {
  readonly id: string;
  /** The name CreateVolume was given; a second create with it answers this volume. */
  readonly name: string;
  /** The name of the pool it lies in. */
  readonly pool: string;
  readonly backend: BackendKind;
  readonly capacityBytes: bigint;
  readonly root: RootOwnership;
  /** The access modes it was created for. */
  readonly accessModes: readonly AccessMode[];
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** A directory in a pool that should hold a volume, but whose record cannot be understood. */
export interface DamagedVolume {
  readonly id: string;
  readonly reason: string;
}
