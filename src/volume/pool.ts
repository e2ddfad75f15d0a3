import { quote, VolumeError } from './errors.ts';
import type { Backend, FileSystemUsage, Records } from './ports.ts';
import type { Volume } from './volume.ts';

/** A named directory in which volumes live. */
export interface Pool {
  readonly name: string;
  /** Eight hexadecimal digits, part of the id of each volume made in it. */
  readonly id: string;
  /** Where it is, symbolic links followed. */
  readonly path: string;
  readonly records: Records;
  readonly backend: Backend;
  /** @throws VolumeError unavailable: its disk is no longer what was there at start */
  checkReachable(): Promise<void>;
  /** The space of the file system it lies on. */
  usage(): Promise<FileSystemUsage>;
}

export const defaultPoolName = 'default';

/** All pools of this driver. */
export class Pools {
  readonly all: readonly Pool[];
  private readonly byName: ReadonlyMap<string, Pool>;

  constructor(all: readonly Pool[]) {
    this.all = all;
    this.byName = new Map(all.map((pool) => [pool.name, pool]));
  }

  find(name: string): Pool | undefined {
    return this.byName.get(name);
  }

  /** The pool a volume lies in; volumes are only ever loaded from pools there are. */
  of(volume: Volume): Pool {
    const pool = this.byName.get(volume.pool);
    if (!pool) {
      const message = `volume ${quote(volume.id)} lies in pool ${quote(volume.pool)}, which is not there`;
      throw new VolumeError('unavailable', message);
    }
    return pool;
  }

  hasId(poolId: string): boolean {
    return this.all.some((pool) => pool.id === poolId);
  }
}
