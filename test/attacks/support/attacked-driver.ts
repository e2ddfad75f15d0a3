import { expect } from 'vitest';
import type { DriverProcess } from '../../support/driver-process.ts';
import { eventually } from '../../support/eventually.ts';
import { type TestNode, testNode } from '../../support/test-node.ts';
import { descriptorsOf, forgetPeak, peakKib } from './process-usage.ts';
import { RawClient } from './raw-client.ts';

/** What an attack may cost: the driver's memory at most, as a multiple of what it has when it is idle. */
const MEMORY_FACTOR = 4;

/** A driver in a process of its own, which is attacked while a well-behaved client uses it. */
export class AttackedDriver {
  readonly node: TestNode;
  readonly driver: DriverProcess;
  private hasEnded = false;
  private useCount = 0;

  private constructor(node: TestNode, driver: DriverProcess) {
    this.node = node;
    this.driver = driver;
    void driver.exit.then(() => {
      this.hasEnded = true;
    });
  }

  static async start(flags: string[] = []): Promise<AttackedDriver> {
    const node = testNode();
    const driver = await node.start({ ownProcess: true, flags: ['--max-volume-size=64Mi', ...flags] });
    const attacked = new AttackedDriver(node, driver);
    // What the first calls load stays in memory.
    for (let life = 0; life < 20; life++) await attacked.useWell();
    return attacked;
  }

  /** Expects the driver to answer its other client during an attack, and to recover after it. */
  async withstands(
    attack: (client: RawClient) => Promise<void>,
    { waitsForDescriptors = true } = {},
  ): Promise<void> {
    const { pid } = this.driver;
    const descriptors = descriptorsOf(pid);
    const idleKib = forgetPeak(pid);
    let isOver = false;
    const using = (async () => {
      do await this.useWell();
      while (!isOver);
    })();
    // It is awaited below.
    using.catch(() => {});
    const client = new RawClient(this.driver.endpoint);
    try {
      await attack(client);
    } finally {
      client.close();
      isOver = true;
      await using;
    }
    await this.useWell();
    expect(this.hasEnded, this.driver.log()).toBe(false);
    expect(peakKib(pid) / idleKib).toBeLessThan(MEMORY_FACTOR);
    if (waitsForDescriptors)
      await eventually(() => expect(descriptorsOf(pid)).toBeLessThanOrEqual(descriptors));
  }

  /** A well-behaved client creates and deletes a volume. */
  async useWell(): Promise<void> {
    const volume_id = await this.node.create(`good ${this.useCount++}`);
    await this.node.controller.DeleteVolume({ volume_id });
    expect(await this.node.identity.Probe({})).toMatchObject({ ready: { value: true } });
  }
}
