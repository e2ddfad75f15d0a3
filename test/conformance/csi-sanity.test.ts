import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { csiSanityPath } from '../../scripts/lib/csi-sanity.mjs';
import { startDriverProcess } from '../support/driver-process.ts';
import { mountsBelow, scratchDirectory } from '../support/scratch.ts';

/** What the suite may skip: features this driver does not declare. */
const undeclared = [
  /^(CreateSnapshot|DeleteSnapshot|ListSnapshots|GetSnapshot|ExpandVolume|ModifyVolume) /,
  /^(ControllerGetVolumeHealth|ControllerListVolumeHealth) /,
  /^Controller Service .* (ControllerPublishVolume|ControllerUnpublishVolume|volume lifecycle) /,
  /^Controller Service .* CreateVolume should .* (source snapshot|source volume|volume attribute class)/,
  /^Node Service (NodeExpandVolume|NodeGetVolumeHealth|NodeGetStorageHealth)/,
  /^GroupController/,
  /^SnapshotMetadata/,
];

interface Spec {
  readonly ContainerHierarchyTexts: string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
}

test('csi-sanity finds no failure, and skips only what is not declared', async () => {
  const directory = scratchDirectory();
  const driver = await startDriverProcess([
    `--statedir=${join(directory, 'state')}`,
    `--endpoint=unix://${join(directory, 'csi.sock')}`,
    '--nodeid=node-1',
  ]);
  const report = join(directory, 'report.json');
  const flags = ['--csi.endpoint', driver.endpoint, '--ginkgo.json-report', report, '--ginkgo.no-color'];
  const paths = ['--csi.stagingdir', join(directory, 'staging'), '--csi.mountdir', join(directory, 'target')];
  const sanity = spawn(csiSanityPath, [...flags, ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  sanity.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(sanity, 'close');

  const specs = readSpecs(report);
  const inState = (state: string) => specs.filter((spec) => spec.State === state).map(titleOf);
  expect(inState('failed'), output).toEqual([]);
  expect(inState('passed').length, output).toBeGreaterThan(0);
  expect(inState('skipped').filter((title) => !undeclared.some((pattern) => pattern.test(title)))).toEqual(
    [],
  );
  expect(code).toBe(0);
  expect(await mountsBelow(directory)).toEqual([]);

  driver.kill('SIGTERM');
  expect(await driver.exit).toEqual({ code: 0, signal: null });
});

function readSpecs(report: string): Spec[] {
  const suites = JSON.parse(readFileSync(report, 'utf8')) as { SpecReports: Spec[] }[];
  return suites.flatMap((suite) => suite.SpecReports).filter((spec) => spec.LeafNodeType === 'It');
}

function titleOf({ ContainerHierarchyTexts, LeafNodeText }: Spec): string {
  return [...(ContainerHierarchyTexts ?? []), LeafNodeText].join(' ');
}
