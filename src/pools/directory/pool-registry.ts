import { isDeepStrictEqual } from 'node:util';
import { poolLayout } from '../../records/pool-layout.ts';
import { type RememberedPool, readRegistry, writeRegistry } from './pool-marker.ts';
import { StateGuard, type StateRules } from './state-marker.ts';

/** Where a pool is said to be. */
export interface PoolPlace {
  readonly name: string;
  /** Absolute; it may be reached through symbolic links. */
  readonly path: string;
}

/** The pools that this driver has used, in a file in the state directory. */
export class PoolRegistry {
  readonly path: string;
  readonly stateGuard: StateGuard;
  private pools: readonly RememberedPool[] | undefined;
  private lastWrite: Promise<void> = Promise.resolve();

  /** @param rules when the state directory itself may be made */
  constructor(stateDir: string, rules: StateRules = { markerPath: undefined, mustExist: false }) {
    this.path = poolLayout(stateDir).registry;
    this.stateGuard = new StateGuard(rules);
  }

  /**
   * What is remembered of a pool. The file is read once; from then on memory answers, also when the disk of the
   * state directory is gone: every other pool would look as if it were new.
   * @throws Error naming the file when it cannot be understood
   */
  async find(name: string): Promise<RememberedPool | undefined> {
    const pools = this.pools ?? (await this.read());
    return pools.find((pool) => pool.name === name);
  }

  /**
   * What is remembered of the pool of a name or else at a path, symbolic links followed: a pool may have been given
   * another name while its disk is not mounted.
   */
  async findAt({ name, path }: PoolPlace): Promise<RememberedPool | undefined> {
    return (await this.find(name)) ?? this.pools?.find((pool) => pool.path === path);
  }

  /** Reads the file anew: before the state directory was locked, another driver may have written to it. */
  async read(): Promise<readonly RememberedPool[]> {
    this.pools = await readRegistry(this.path);
    return this.pools;
  }

  /**
   * Remembers a pool durably, in place of what was known of its name or of its id; what is known already is not
   * written again.
   */
  remember(pool: RememberedPool): Promise<void> {
    const written = this.lastWrite.then(() => this.write(pool));
    this.lastWrite = written.catch(() => {});
    return written;
  }

  /** Whether there is a pool of this id, under whatever name. */
  knows(poolId: string): boolean {
    return this.pools?.some((pool) => pool.poolId === poolId) ?? false;
  }

  /** Remembers a pool for this run alone, because the file cannot be written now. */
  assume(pool: RememberedPool): void {
    this.pools = withPool(this.pools ?? [], pool);
  }

  private async write(pool: RememberedPool): Promise<void> {
    const before = this.pools ?? (await this.read());
    if (before.some((known) => isDeepStrictEqual(known, pool))) return;
    const pools = withPool(before, pool);
    await writeRegistry(this.path, pools);
    this.pools = pools;
  }
}

function withPool(pools: readonly RememberedPool[], pool: RememberedPool): RememberedPool[] {
  return [...pools.filter(({ name, poolId }) => name !== pool.name && poolId !== pool.poolId), pool];
}
