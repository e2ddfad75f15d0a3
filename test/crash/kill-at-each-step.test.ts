import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { mutationSteps } from '../../src/volume/steps.ts';
import { CsiClient } from '../support/csi-client.ts';
import { type DriverProcess, startDriverProcess } from '../support/driver-process.ts';
import { createRequest, mountCapability } from '../support/requests.ts';
import { mountsBelow, scratchDirectory } from '../support/scratch.ts';

const steps = Object.values(mutationSteps).flat();

/** A volume's whole life, one call after the other; the same calls serve as retries. */
const life = ['create', 'stage', 'publish', 'unpublish', 'unstage', 'delete'] as const;

describe.each(steps)('killed after "%s"', (step) => {
  test('the next start has the volume whole or not at all, and every retry succeeds', async () => {
    const host = new TestHost(scratchDirectory());
    let driver = await host.start(step);
    let killedAt: string | undefined;
    for (const call of life) {
      try {
        await host.call(call);
      } catch (error) {
        expect(await driver.exit, String(error)).toEqual({ code: null, signal: 'SIGKILL' });
        killedAt = call;
        driver = await host.start();
        await host.expectConsistent();
        await host.call(call);
      }
    }
    // The content goes in the background, mostly after the answer to delete.
    if (step === 'delete: content removed' && killedAt === undefined) {
      expect(await driver.exit).toEqual({ code: null, signal: 'SIGKILL' });
      killedAt = 'delete';
      driver = await host.start();
    }
    expect(step).toMatch(new RegExp(`^${killedAt}: `));
    await host.expectNothingLeft();
    driver.kill('SIGTERM');
    expect(await driver.exit).toEqual({ code: 0, signal: null });
    host.close();
  });
});

/** One node with its pool, its kubelet paths and a driver that is started again and again. */
class TestHost {
  private readonly directory: string;
  private readonly staging: string;
  private readonly target: string;
  private client: CsiClient | undefined;
  private volumeId = '';

  constructor(directory: string) {
    this.directory = directory;
    this.staging = join(directory, 'staging');
    this.target = join(directory, 'pod', 'target');
    mkdirSync(this.staging);
    mkdirSync(join(directory, 'pod'));
  }

  async start(stopAt = ''): Promise<DriverProcess> {
    const flags = [`--statedir=${this.pool()}`, `--endpoint=${join(this.directory, 's')}`, '--nodeid=node-1'];
    const program = ['--import', 'tsx', 'test/crash/stoppable-driver.ts'];
    const driver = await startDriverProcess(flags, { program, env: { STOP_AT: stopAt } });
    this.client?.close();
    this.client = new CsiClient(driver.endpoint);
    return driver;
  }

  async call(call: (typeof life)[number]): Promise<void> {
    if (!this.client) throw new Error('no driver was started');
    const { controller, node } = this.client;
    const volume_id = this.volumeId;
    const volume_capability = mountCapability();
    switch (call) {
      case 'create': {
        const { volume } = await controller.CreateVolume(createRequest('a'));
        this.volumeId = volume?.volume_id ?? '';
        return;
      }
      case 'stage':
        await node.NodeStageVolume({ volume_id, staging_target_path: this.staging, volume_capability });
        return;
      case 'publish': {
        const paths = { staging_target_path: this.staging, target_path: this.target };
        await node.NodePublishVolume({ volume_id, ...paths, volume_capability });
        return;
      }
      case 'unpublish':
        await node.NodeUnpublishVolume({ volume_id, target_path: this.target });
        return;
      case 'unstage':
        await node.NodeUnstageVolume({ volume_id, staging_target_path: this.staging });
        return;
      case 'delete':
        await controller.DeleteVolume({ volume_id });
        return;
    }
  }

  /** What is listed is whole on disk, what is on disk is listed, and nothing half-built is left. */
  async expectConsistent(): Promise<void> {
    const { entries = [] } = (await this.client?.controller.ListVolumes({})) ?? {};
    const listed = entries.map((entry) => entry.volume?.volume_id ?? '');
    expect(readdirSync(join(this.pool(), 'volumes'))).toEqual(listed);
    await vi.waitFor(() => expect(readdirSync(join(this.pool(), '.incoming'))).toEqual([]));
    for (const id of listed) {
      const directory = join(this.pool(), 'volumes', id);
      expect(readdirSync(directory).sort()).toEqual(['data', 'volume.json']);
      expect(JSON.parse(readFileSync(join(directory, 'volume.json'), 'utf8'))).toMatchObject({
        id,
        name: 'a',
      });
      expect(lstatSync(join(directory, 'data')).mode & 0o7777).toBe(0o777);
    }
  }

  async expectNothingLeft(): Promise<void> {
    expect(await mountsBelow(this.directory)).toEqual([]);
    expect(existsSync(this.target)).toBe(false);
    expect(readdirSync(join(this.pool(), 'volumes'))).toEqual([]);
    await vi.waitFor(() => expect(readdirSync(join(this.pool(), '.outgoing'))).toEqual([]));
  }

  close(): void {
    this.client?.close();
  }

  private pool(): string {
    return join(this.directory, 'pool');
  }
}
