import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { csiSanityPath } from '../../scripts/lib/csi-sanity.mjs';
import { listLoops } from '../../src/kernel/loop.ts';
import { btrfs } from '../support/btrfs.ts';
import { startDriverProcess } from '../support/driver-process.ts';
import { isHostRoot } from '../support/host-root.ts';
import { mountsBelow, scratchDirectory } from '../support/scratch.ts';

/** What the suite may skip: features this driver does not declare. */
const undeclared = [
  /^(CreateSnapshot|DeleteSnapshot|ListSnapshots|GetSnapshot|ModifyVolume) /,
  /^(ControllerGetVolumeHealth|ControllerListVolumeHealth) /,
  /^Controller Service .* (ControllerPublishVolume|ControllerUnpublishVolume|volume lifecycle) /,
  /^Controller Service .* CreateVolume should .* (source snapshot|source volume|volume attribute class)/,
  /^Node Service (NodeGetVolumeHealth|NodeGetStorageHealth)/,
  /^GroupController/,
  /^SnapshotMetadata/,
];

const GIB = 1024 ** 3;

/** What volumes can be: how a pool for them comes to be, and what the StorageClass says. */
const kinds = [
  { name: 'directory', accessType: 'mount', parameters: {} },
  {
    name: 'btrfs',
    accessType: 'mount',
    parameters: { pool: 'other' },
    makePool: () => btrfs('qgroup', 16 * GIB),
  },
  { name: 'image', accessType: 'mount', parameters: { backend: 'image' } },
  { name: 'image', accessType: 'block', parameters: { backend: 'image' } },
] as const;

interface Spec {
  readonly ContainerHierarchyTexts: string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
}

describe.each(kinds)('$name volumes, accessed as $accessType', (kind) => {
  const needsRoot = kind.name !== 'directory';
  test.skipIf(needsRoot && !isHostRoot)(
    'csi-sanity finds no failure, and skips only what is not declared',
    async () => {
      const directory = scratchDirectory();
      const pool = 'makePool' in kind ? [`--pool=other=${kind.makePool()}`] : [];
      const driver = await startDriverProcess([
        `--statedir=${join(directory, 'state')}`,
        `--endpoint=unix://${join(directory, 'csi.sock')}`,
        '--nodeid=node-1',
        ...pool,
      ]);
      const { code, output, specs } = await runSanity(directory, driver.endpoint, kind);
      const inState = (state: string) => specs.filter((spec) => spec.State === state).map(titleOf);
      expect(inState('failed'), output).toEqual([]);
      expect(inState('passed').length, output).toBeGreaterThan(0);
      expect(
        inState('skipped').filter((title) => !undeclared.some((pattern) => pattern.test(title))),
      ).toEqual([]);
      expect(code).toBe(0);
      expect(await mountsBelow(directory)).toEqual([]);
      expect((await listLoops()).filter((loop) => loop.backingPath.startsWith(directory))).toEqual([]);

      driver.kill('SIGTERM');
      expect(await driver.exit).toEqual({ code: 0, signal: null });
    },
  );
});

async function runSanity(
  directory: string,
  endpoint: string,
  { accessType, parameters }: (typeof kinds)[number],
): Promise<{ code: unknown; output: string; specs: Spec[] }> {
  const report = join(directory, 'report.json');
  const parametersFile = join(directory, 'parameters.yaml');
  writeFileSync(parametersFile, JSON.stringify(parameters));
  const flags = {
    'csi.endpoint': endpoint,
    'csi.stagingdir': join(directory, 'staging'),
    'csi.mountdir': join(directory, 'target'),
    'csi.testvolumeaccesstype': accessType,
    'csi.testvolumeparameters': parametersFile,
    'csi.testvolumesize': GIB,
    'csi.testvolumeexpandsize': 2 * GIB,
    'ginkgo.json-report': report,
  };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const sanity = spawn(csiSanityPath, ['--ginkgo.no-color', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  sanity.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(sanity, 'close');
  return { code, output, specs: readSpecs(report) };
}

function readSpecs(report: string): Spec[] {
  const suites = JSON.parse(readFileSync(report, 'utf8')) as { SpecReports: Spec[] }[];
  return suites.flatMap((suite) => suite.SpecReports).filter((spec) => spec.LeafNodeType === 'It');
}

function titleOf({ ContainerHierarchyTexts, LeafNodeText }: Spec): string {
  return [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' ');
}
