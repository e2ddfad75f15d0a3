import { isDeepStrictEqual } from 'node:util';
import { poolLayout } from '../../records/pool-layout.ts';
import { type RememberedPool, readRegistry, writeRegistry } from './pool-marker.ts';
import { StateGuard, type StateRules } from './state-marker.ts';

/** The configured location of a pool. */
export interface PoolConfig {
  readonly name: string;
  /** Absolute; may contain symbolic links. */
  readonly path: string;
}

/** The pools that this driver has used, in a file in the state directory. */
export class PoolRegistry {
  readonly path: string;
  readonly stateGuard: StateGuard;
  private pools: readonly RememberedPool[] | undefined;
  private lastWrite: Promise<void> = Promise.resolve();

  /** @param rules when the state directory itself may be created */
  constructor(stateDir: string, rules: StateRules = { markerPath: undefined, mustExist: false }) {
    this.path = poolLayout(stateDir).registry;
    this.stateGuard = new StateGuard(rules);
  }

  /**
   * Returns the remembered pool of a name. The file is read once; later calls are answered from memory, even when the
   * disk of the state directory is gone: otherwise every other pool would look new.
   * @throws Error naming the file if it cannot be parsed
   */
  async find(name: string): Promise<RememberedPool | undefined> {
    const pools = this.pools ?? (await this.read());
    return pools.find((pool) => pool.name === name);
  }

  /**
   * Returns the remembered pool of a name, or else the one at a path, with symbolic links resolved: a pool may have
   * been renamed while its disk is not mounted.
   */
  async findAt({ name, path }: PoolConfig): Promise<RememberedPool | undefined> {
    return (await this.find(name)) ?? this.pools?.find((pool) => pool.path === path);
  }

  /** Reads the file again: until the state directory was locked, another driver may have written to it. */
  async read(): Promise<readonly RememberedPool[]> {
    this.pools = await readRegistry(this.path);
    return this.pools;
  }

  /** Remembers a pool durably, replacing the entry of its name or id. An unchanged entry is not written again. */
  remember(pool: RememberedPool): Promise<void> {
    const written = this.lastWrite.then(() => this.write(pool));
    this.lastWrite = written.catch(() => {});
    return written;
  }

  /** Whether a pool with this id is known under any name. */
  has(poolId: string): boolean {
    return this.pools?.some((pool) => pool.poolId === poolId) ?? false;
  }

  /** Remembers a pool only until the process ends, because the file cannot be written now. */
  rememberInMemory(pool: RememberedPool): void {
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
