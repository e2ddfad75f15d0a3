import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFailed, onTestFinished } from 'vitest';
import type { OnStep } from '../../src/model/steps.ts';
import type { CreateVolumeRequest } from '../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { CsiClient } from './csi-client.ts';
import { type DriverProcess, type Exit, startDriverProcess, type TestDriver } from './driver-process.ts';
import { startDriverInProcess } from './in-process-driver.ts';
import { createRequest, mountCapability } from './requests.ts';
import { newDirectory, removeWithMounts } from './scratch.ts';

/** How a driver is started: in this process, unless it needs one of its own. */
export interface Start {
  readonly flags?: string[];
  /** Called at each step of each mutation, of a driver in this process. */
  readonly onStep?: OnStep;
  /** In a process that can be killed, and goes on while the test blocks its own. */
  readonly ownProcess?: true;
  readonly program?: string[];
  readonly env?: Record<string, string>;
  /** An open file for the driver's standard error; otherwise it is read, and kept. */
  readonly stderr?: number;
}

/** A start that needs a process of its own. */
export type OwnProcess = Omit<Start, 'onStep'> &
  (Pick<Required<Start>, 'ownProcess'> | Pick<Required<Start>, 'program'>);

/** The volume and paths of one publish. */
export interface Published {
  readonly volume_id: string;
  readonly staging_target_path: string;
  readonly target_path: string;
}

/** One node: a scratch directory with a pool and a driver, which can be stopped and restarted. */
export class TestNode {
  readonly directory = newDirectory();
  readonly pool = join(this.directory, 'pool');
  private driver: TestDriver | undefined;
  private client: CsiClient | undefined;
  private pathCount = 0;

  constructor() {
    // Users other than root reach their volumes through it.
    chmodSync(this.directory, 0o755);
  }

  async start(start: OwnProcess): Promise<DriverProcess>;
  async start(start?: Start): Promise<TestDriver>;
  async start({ flags = [], onStep, ...how }: Start = {}): Promise<TestDriver> {
    const own = [
      `--statedir=${this.pool}`,
      '--status-socket=',
      `--endpoint=${this.socket}`,
      '--nodeid=node-1',
      ...flags,
    ];
    const needsProcess = Object.keys(how).length > 0;
    this.driver = await (needsProcess ? startDriverProcess(own, how) : startDriverInProcess(own, onStep));
    this.client?.close();
    this.client = new CsiClient(this.driver.endpoint);
    return this.driver;
  }

  /** The log of the current or last driver. */
  log(): string {
    return this.driver?.log() ?? '';
  }

  /** Ends the driver. @returns how it ended */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit | undefined> {
    return this.driver?.stop(signal);
  }

  async restart(start?: Start): Promise<TestDriver> {
    await this.stop();
    return this.start(start);
  }

  /** Ends the driver and removes everything, in any state. */
  async dispose(): Promise<void> {
    this.client?.close();
    await this.driver?.end();
    await removeWithMounts(this.directory);
  }

  get socket(): string {
    return join(this.directory, 's');
  }

  get identity(): CsiClient['identity'] {
    return this.connected().identity;
  }

  get controller(): CsiClient['controller'] {
    return this.connected().controller;
  }

  get node(): CsiClient['node'] {
    return this.connected().node;
  }

  get groupController(): CsiClient['groupController'] {
    return this.connected().groupController;
  }

  get snapshotMetadata(): CsiClient['snapshotMetadata'] {
    return this.connected().snapshotMetadata;
  }

  /** A path for a staging directory or target of its own, whose parent exists. */
  newPath(): string {
    const parent = join(this.directory, `p${this.pathCount++}`);
    mkdirSync(parent);
    chmodSync(parent, 0o755);
    return join(parent, 'mount');
  }

  /** A staging directory, as the CO makes it. */
  newStaging(): string {
    const path = this.newPath();
    mkdirSync(path);
    return path;
  }

  /** Creates a volume. @returns its id */
  async create(name: string, changes: Partial<CreateVolumeRequest> = {}): Promise<string> {
    const { volume } = await this.controller.CreateVolume(createRequest(name, changes));
    if (!volume) throw new Error('the reply has no volume');
    return volume.volume_id;
  }

  /** Creates and stages a volume. */
  async createStaged(
    name: string,
    capability = mountCapability(),
    changes: Partial<CreateVolumeRequest> = {},
  ): Promise<Published> {
    const volume_id = await this.create(name, { volume_capabilities: [capability], ...changes });
    const staging_target_path = this.newStaging();
    await this.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability: capability });
    return { volume_id, staging_target_path, target_path: this.newPath() };
  }

  /** Creates, stages and publishes a volume. */
  async createPublished(
    name: string,
    capability = mountCapability(),
    changes: Partial<CreateVolumeRequest> = {},
  ): Promise<Published> {
    const paths = await this.createStaged(name, capability, changes);
    await this.node.NodePublishVolume({ ...paths, volume_capability: capability });
    return paths;
  }

  private connected(): CsiClient {
    if (!this.client) throw new Error('no driver was started');
    return this.client;
  }
}

/** A node for one test, removed afterwards. */
export function testNode(): TestNode {
  const node = new TestNode();
  onTestFinished(() => node.dispose());
  onTestFailed(() => printErrors(node.log()));
  return node;
}

// The reason for an internal error is in the log only; the client never gets it.
function printErrors(log: string): void {
  const errors = log.split('\n').filter((line) => line.includes('"level":50'));
  if (errors.length > 0) console.error(`The driver logged:\n${errors.join('\n')}`);
}

/** A node with a running driver for one test. */
export async function startedNode(start?: Start): Promise<TestNode> {
  const node = testNode();
  await node.start(start);
  return node;
}
