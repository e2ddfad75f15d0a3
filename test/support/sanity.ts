import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { csiSanityPath } from '../../scripts/lib/go/csi-sanity.mjs';
import { listLoops } from '../../src/kernel/devices/loop-list.ts';
import { startDriverProcess } from './driver-process.ts';
import { mountsBelow, scratchDirectory } from './scratch.ts';

const GIB = 1024 ** 3;

/** The volumes for csi-sanity. */
export interface SanityKind {
  readonly accessType: 'mount' | 'block';
  readonly parameters: Readonly<Record<string, string>>;
  /** The parameters that volumes are changed to; by default those that every volume supports. */
  readonly mutableParameters?: Readonly<Record<string, string>>;
  /** Makes a pool called `other`. @returns its path */
  readonly makePool?: () => string;
  /** Further flags of the driver. */
  readonly flags?: readonly string[];
}

interface Spec {
  readonly ContainerHierarchyTexts: string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
}

/** All tests of the suite, except for one that is pending in the suite itself. */
const SPECIFICATIONS = 102;

/** Everything that a flag enables, and a limit that the suite can reach. */
const everything = [
  '--enable-attach',
  '--attach-limit=8',
  '--enable-controller-modify-volume',
  '--enable-snapshot-metadata',
  '--check-volume-lifecycle',
];

/** Runs csi-sanity against a driver with everything enabled: each test passes, none is skipped, nothing is left. */
export async function expectSane(kind: SanityKind): Promise<void> {
  const directory = scratchDirectory();
  const pool = kind.makePool ? [`--pool=other=${kind.makePool()}`] : [];
  const flags = [
    `--statedir=${join(directory, 'state')}`,
    '--status-socket=',
    `--endpoint=unix://${join(directory, 'csi.sock')}`,
    '--nodeid=node-1',
    ...everything,
    ...pool,
    ...(kind.flags ?? []),
  ];
  // The driver as users start it.
  const driver = await startDriverProcess(flags, { program: ['dist/main.js'] });
  const { code, output, specs } = await runSanity(directory, driver.endpoint, kind);
  const inState = (state: string) => specs.filter((spec) => spec.State === state).map(titleOf);
  expect(inState('failed'), output).toEqual([]);
  expect(inState('skipped')).toEqual([]);
  expect(inState('passed').length, output).toBe(SPECIFICATIONS);
  expect(code).toBe(0);
  expect(await mountsBelow(directory)).toEqual([]);
  expect(listLoops().filter((loop) => loop.backingPath.startsWith(directory))).toEqual([]);

  driver.kill('SIGTERM');
  expect(await driver.exit).toEqual({ code: 0, signal: null });
}

async function runSanity(
  directory: string,
  endpoint: string,
  { accessType, parameters, mutableParameters = { onDelete: 'delete' } }: SanityKind,
): Promise<{ code: unknown; output: string; specs: Spec[] }> {
  const report = join(directory, 'report.json');
  const parametersFile = join(directory, 'parameters.yaml');
  writeFileSync(parametersFile, JSON.stringify(parameters));
  const mutableParametersFile = join(directory, 'mutable-parameters.yaml');
  writeFileSync(mutableParametersFile, JSON.stringify(mutableParameters));
  const flags = {
    'csi.endpoint': endpoint,
    'csi.stagingdir': join(directory, 'staging'),
    'csi.mountdir': join(directory, 'target'),
    'csi.testvolumeaccesstype': accessType,
    'csi.testvolumeparameters': parametersFile,
    'csi.testvolumemutableparameters': mutableParametersFile,
    'csi.testnodevolumeattachlimit': true,
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
