import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { credentials, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeBundle } from '../../../scripts/image/make-bundle.ts';
import { mountCapability } from '../../support/requests.ts';
import { newDirectory, removeWithMounts, scratchDirectory } from '../../support/scratch.ts';
import { startedNode } from '../../support/test-node.ts';

// Outside the project, where none of its packages can be found.
const directory = newDirectory();
const program = ['--enable-source-maps', join(directory, 'main.js')];
const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';

beforeAll(() => makeBundle(directory, { architecture, nodeModules: 'node_modules' }));
afterAll(() => removeWithMounts(directory));

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

describe('the driver of the image', () => {
  test('serves a volume from its creation to its end', async () => {
    const node = await startedNode({ program });
    const { volume_id, staging_target_path, target_path } = await node.createPublished('first');
    await node.node.NodeUnpublishVolume({ volume_id, target_path });
    await node.node.NodeUnstageVolume({ volume_id, staging_target_path });
    await node.controller.DeleteVolume({ volume_id });
    expect((await node.controller.ListVolumes({})).entries).toEqual([]);
  });

  test('has the commands that look at it', async () => {
    const node = await startedNode({ program });
    await node.create('first');
    const status = spawnSync(
      process.execPath,
      [...program, 'status', '--socket=/nowhere/s', `--statedir=${node.pool}`, '-o', 'yaml'],
      { encoding: 'utf8' },
    );
    expect(status.stderr).toBe('');
    expect(status.stdout).toMatch(/^ {4}name: first$/m);
  });

  test('has the version of the package', async () => {
    const node = await startedNode({ program });
    expect(await node.identity.GetPluginInfo({})).toMatchObject({
      vendor_version: json('package.json').version,
    });
  });

  test('reads 64-bit numbers exactly', async () => {
    const node = await startedNode({ program });
    const request = {
      name: 'large',
      capacity_range: { required_bytes: '9007199254740993' },
      volume_capabilities: [mountCapability()],
    };
    await expect(node.controller.CreateVolume(request)).rejects.toThrow('9007199254740993');
  });

  test('serves the health service', async () => {
    const node = await startedNode({ program });
    const { Health } = loadPackageDefinition({ Health: healthService });
    const client = new (Health as ServiceClientConstructor)(
      `unix://${node.socket}`,
      credentials.createInsecure(),
    );
    const reply = await new Promise((resolve) =>
      client['Check']?.({}, (_: unknown, got: unknown) => resolve(got)),
    );
    client.close();
    expect(reply).toEqual({ status: 'SERVING' });
  });

  test('logs errors with the functions, files and lines of the source', () => {
    const stderr = failedStart('/nowhere/s');
    const [, path = '', line] = /at clearStaleSocket \([^)]*\/(src\/[^:]+):(\d+):/.exec(stderr) ?? [stderr];
    expect(readFileSync(path, 'utf8').split('\n')[Number(line) - 1]).toContain('does not exist`)');
  });

  test('logs errors with the functions and files of dependencies', () => {
    // An address that is reserved for documentation.
    expect(failedStart('tcp://192.0.2.1:1')).toMatch(
      /at Server\.bindAddressList \([^)]*\/node_modules\/@grpc\/grpc-js\/src\/server\.ts:\d+:/,
    );
  });

  test('loads nothing at its start that only some drivers or calls need', async () => {
    const loaded = await loadedAtStart([]);
    expect(loaded).toContain('src/driver.ts');
    expect(loaded.filter(isLate)).toEqual([]);
  });

  test('loads what flags ask for', async () => {
    const config = `${scratchDirectory()}/config.yaml`;
    writeFileSync(config, 'pools: []');
    const flags = [`--config=${config}`, '--http-endpoint=127.0.0.1:0', '--v=5', '--log-format=pretty'];
    const packages = (await loadedAtStart(flags)).filter(isLate).map((path) => path.split('/')[1]);
    expect([...new Set(packages)].sort()).toEqual(['google-protobuf', 'pino-pretty', 'prom-client', 'yaml']);
  });
});

/** What a driver logs that cannot listen. */
function failedStart(endpoint: string): string {
  const flags = [`--statedir=${scratchDirectory()}/pool`, `--endpoint=${endpoint}`, '--nodeid=node-1'];
  const args = [...program, ...flags, '--v=5', '--log-format=json'];
  return spawnSync(process.execPath, args, { encoding: 'utf8' }).stderr;
}

/** Packages that take long to load: for reflection and redaction, logs on a terminal, metrics, and the configuration file. */
const isLate = (path: string) => /^node_modules\/(google-protobuf|pino-pretty|prom-client|yaml)\//.test(path);

/** The modules that a driver has loaded when it serves, as paths in the project. */
async function loadedAtStart(flags: string[]): Promise<string[]> {
  const coverage = scratchDirectory();
  const node = await startedNode({ program, flags, env: { NODE_V8_COVERAGE: coverage } });
  await node.stop();
  const [report = ''] = readdirSync(coverage);
  const maps = json(join(coverage, report))['source-map-cache'] as Record<
    string,
    { data: { sources: string[] } }
  >;
  const prefix = pathToFileURL(`${directory}/`).href;
  return Object.values(maps).flatMap(({ data }) => data.sources.map((source) => source.replace(prefix, '')));
}

describe('the directory of the bundle', () => {
  test('has what the driver reads, and nothing else', () => {
    const isPart = (name: string) => /^[a-z-]+-[A-Z0-9]{8}\.js(\.map)?$/.test(name);
    const names = readdirSync(directory).sort();
    expect(names.filter((name) => !isPart(name))).toEqual([
      'dependencies-licenses.txt',
      'dependencies.cdx.json',
      'koffi.node',
      'main.js',
      'main.js.map',
      'package.json',
      'proto',
      'worker.js',
      'worker.js.map',
    ]);
    expect(readdirSync(join(directory, 'proto')).sort()).toEqual(['definitions.json', 'descriptors.binpb']);
  });

  test('lists every dependency of the driver, with its version and its license', () => {
    const { components } = json(join(directory, 'dependencies.cdx.json')) as {
      components: { purl: string }[];
    };
    const listed = components.map(({ purl }) => purl);
    const licenses = readFileSync(join(directory, 'dependencies-licenses.txt'), 'utf8');
    const { dependencies } = json('package.json') as { dependencies: Record<string, string> };
    for (const [name, version] of Object.entries(dependencies)) {
      expect(listed).toContain(`pkg:npm/${name.replace('@', '%40')}@${version}`);
      expect(licenses).toContain(`${name} ${version} (`);
    }
  });
});
