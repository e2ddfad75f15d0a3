import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { inProject } from '../scripts/lib/project.mjs';
import { Client, type Target } from './processes/client.ts';
import { Floor } from './processes/floor.ts';
import { Server, type ServerSpec } from './processes/server.ts';
import { type Bound, isCertain, type Pair, ratioOf } from './verdict.ts';

/** The programs that scripts/bench.mjs builds. */
export interface Programs {
  readonly client: string;
  readonly floor: string;
  /** The bundle of the driver, as in its image. */
  readonly driver: string;
}

/** Another CSI driver, to be compared with. */
export interface Peer {
  readonly name: string;
  readonly endpoint: string;
}

export interface BenchOptions {
  readonly directory: string;
  readonly programs: Programs;
  readonly peers: readonly Peer[];
  readonly isShort: boolean;
}

/** A running driver. */
export interface DriverUnderTest extends Target {
  readonly server: Server;
  readonly pool: string;
}

/** How the driver is started. */
export interface DriverSpec extends Pick<ServerSpec, 'sharesMounts'> {
  readonly nodeFlags?: readonly string[];
  readonly driverFlags?: readonly string[];
}

/** How often a ratio is measured: until its verdict is certain, within limits. */
export interface Rounds {
  readonly least: number;
  readonly most: number;
}

/** How many times as often a ratio is measured that is near its bound. */
const MORE_ROUNDS = 5;

/** What the lines use: the programs, a directory, and how much to measure. */
export class Bench {
  readonly directory: string;
  readonly client: Client;
  readonly floor: Floor;
  readonly peers: readonly Peer[];
  readonly isShort: boolean;
  private readonly programs: Programs;
  private readonly servers: Server[] = [];

  constructor({ directory, programs, peers, isShort }: BenchOptions) {
    this.directory = directory;
    this.programs = programs;
    this.peers = peers;
    this.isShort = isShort;
    this.client = new Client(programs.client);
    this.floor = new Floor(programs.floor, directory);
  }

  /** How much to measure: the first in full, the second in the short form. */
  amount(full: number, short: number): number {
    return this.isShort ? short : full;
  }

  /** How often to measure a ratio, in full and in the short form, which takes the same time in each run. */
  rounds(full: number, short: number): Rounds {
    return this.isShort ? { least: short, most: short } : { least: full, most: full * MORE_ROUNDS };
  }

  /** A directory that does not exist yet. */
  newDirectory(name: string): string {
    return mkdtempSync(join(this.directory, `${name}-`));
  }

  /**
   * Starts the driver as it is shipped, in a mount namespace of its own.
   * @param home where its default pool is; a new directory by default
   */
  async startDriver(
    home = this.newDirectory('driver'),
    { nodeFlags = [], driverFlags = [], sharesMounts }: DriverSpec = {},
  ): Promise<DriverUnderTest> {
    const pool = join(home, 'pool');
    const workDirectory = join(home, 'work');
    mkdirSync(workDirectory, { recursive: true });
    const endpoint = `--endpoint=${join(home, 'socket')}`;
    const flags = [`--statedir=${pool}`, endpoint, '--status-socket=', '--nodeid=bench', ...driverFlags];
    const args = [...nodeFlags, '--enable-source-maps', this.programs.driver, ...flags];
    const server = await this.startServer({ args, logPath: join(home, 'log'), sharesMounts });
    const parameters = { backend: 'directory' };
    return { endpoint: server.endpoint, workDirectory, parameters, pool, server };
  }

  /** Starts the driver and makes it serve lives until V8 has compiled its code, as in one that has run for a while. */
  async startWarmDriver(): Promise<DriverUnderTest> {
    const driver = await this.startDriver();
    await this.client.run(driver, 'life', { calls: this.amount(2000, 800), warmUp: 0, concurrency: 4 });
    return driver;
  }

  /** The same for the empty server. */
  async startWarmEmptyServer(): Promise<Server> {
    const server = await this.startEmptyServer();
    await this.client.run(targetOf(server), 'probe', { calls: 5000, warmUp: 0, concurrency: 4 });
    return server;
  }

  /** Starts a gRPC server that answers nothing but Probe. */
  startEmptyServer(): Promise<Server> {
    const home = this.newDirectory('empty');
    const args = [inProject('bench', 'empty-server.mjs'), join(home, 'socket')];
    return this.startServer({ args, logPath: join(home, 'log') });
  }

  async startServer(spec: ServerSpec): Promise<Server> {
    const server = await Server.start(spec);
    this.servers.push(server);
    return server;
  }

  /** Ends every server that still runs. */
  async stop(): Promise<void> {
    for (const server of this.servers) await server.stop();
  }
}

/** A server as the client uses it that has no volumes. */
export function targetOf({ endpoint }: { readonly endpoint: string }): Target {
  return { endpoint, workDirectory: '' };
}

/**
 * Measures the subject and its reference by turns, each of them first every other time: what comes second finds other caches and
 * another disk than what comes first.
 */
export function measurePairs(
  rounds: Rounds,
  bound: Bound | undefined,
  subject: () => Promise<number>,
  reference: () => Promise<number>,
): Promise<Pair[]> {
  return measureRounds(rounds, bound, async (round) => {
    const values = { subject: 0, reference: 0 };
    if (round % 2 === 0) values.subject = await subject();
    values.reference = await reference();
    if (round % 2 === 1) values.subject = await subject();
    return values;
  });
}

/** Measures pairs until it is certain whether their ratio keeps its bound. */
export async function measureRounds(
  { least, most }: Rounds,
  bound: Bound | undefined,
  measure: (round: number) => Promise<Pair>,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  while (pairs.length < least || (pairs.length < most && !isCertain(ratioOf(pairs), bound))) {
    pairs.push(await measure(pairs.length));
  }
  return pairs;
}
