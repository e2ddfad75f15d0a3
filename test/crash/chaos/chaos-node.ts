import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { detachBelow, loopsBelow } from '../../support/scratch.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import { thawAtEnd } from '../../support/thaw-mounts.ts';
import { otherPools, type PoolName, poolNames } from './kinds.ts';

const MIB = 1024 ** 2;
/** With so much overcommitment it is `--capacity` that limits, whose arithmetic is exact, and never the disk. */
const OVERCOMMIT = 100;
const CAPACITY_MIB = 100;
export const capacityBytes = OVERCOMMIT * CAPACITY_MIB * MIB;

/** A node with all kinds of pools, whose driver is killed and started again. */
export class ChaosNode {
  readonly test: TestNode;
  readonly pools: ReadonlyMap<PoolName, string>;
  /** Whether the driver was killed, so that calls may stay unanswered. */
  isKilled = false;
  private callCount = 0;
  private wanted: { readonly count: number; readonly reached: () => void } | undefined;
  private layout: string[] = [];

  constructor() {
    const made = isHostRoot
      ? Object.entries(otherPools).map(([name, make]) => [name as PoolName, make()] as const)
      : [];
    this.test = testNode();
    // Before the pools are unmounted, which their attached files would prevent.
    for (const [, path] of made) onTestFinished(() => detachBelow(path));
    this.pools = new Map([['default', this.test.pool], ...made]);
    for (const path of this.pools.values()) thawAtEnd(path);
  }

  async start(): Promise<void> {
    const others = [...this.pools].filter(([name]) => name !== 'default');
    const flags = [
      ...others.map(([name, path]) => `--pool=${name}=${path}`),
      ...poolNames.map((name) => `--capacity=${name}=${CAPACITY_MIB}Mi`),
      `--overcommit=${OVERCOMMIT}`,
      '--enable-attach',
      '--enable-controller-modify-volume',
      '--enable-snapshot-metadata',
    ];
    await this.test.start({ ownProcess: true, flags });
    // On a busy machine the driver may listen before it has read a pool, and lists the objects of the others until then.
    for (const pool of poolNames) {
      await eventually(() => this.test.controller.GetCapacity({ parameters: { pool } }));
    }
    this.isKilled = false;
    if (this.layout.length === 0) this.layout = this.currentLayout();
  }

  /** Kills the driver, whatever it is doing. */
  async kill(): Promise<void> {
    this.isKilled = true;
    await this.test.stop('SIGKILL');
  }

  /** Counts a call of a client. */
  count(): void {
    this.callCount++;
    if (this.wanted && this.callCount >= this.wanted.count) this.wanted.reached();
  }

  /** Resolves when the clients have begun this many more calls. */
  calls(count: number): Promise<void> {
    return new Promise((reached) => {
      this.wanted = { count: this.callCount + count, reached };
    });
  }

  path(pool: PoolName, ...names: string[]): string {
    return join(this.pools.get(pool) ?? '', ...names);
  }

  /** The names in a directory of the pools, of all of them together. */
  names(...path: string[]): string[] {
    return [...this.pools.keys()].flatMap((pool) => readdirSync(this.path(pool, ...path))).sort();
  }

  /** The images with a loop device. */
  attachedImages(): string[] {
    return [...this.pools.values()].flatMap((path) => loopsBelow(path).map(({ backingPath }) => backingPath));
  }

  /** The names at the top of the pools that were not there at first. */
  unknownNames(): string[] {
    return this.currentLayout().filter((name) => !this.layout.includes(name));
  }

  private currentLayout(): string[] {
    return [...this.names(), ...this.names('.csi-hostpath')];
  }
}
