import { expect, test } from 'vitest';
import { expansionOf, featuresOf, topologyOf } from '../../src/features.ts';
import { parseCommandLine } from '../../src/options.ts';

function optionsWith(...flags: string[]) {
  const commandLine = parseCommandLine(['--nodeid=n', ...flags], '1');
  if (commandLine.kind !== 'run') throw new Error(commandLine.kind);
  return commandLine.options;
}

function featuresWith(...flags: string[]) {
  return featuresOf(optionsWith(...flags));
}

test("by default, features that change the CO's behaviour are off", () => {
  expect(featuresWith()).toEqual({
    attach: false,
    mutableParameters: undefined,
    listSnapshots: true,
    snapshotMetadata: undefined,
    strictLifecycle: false,
    inlineByDefault: false,
  });
});

test('each flag enables its feature', () => {
  expect(featuresWith('--enable-attach').attach).toBe(true);
  expect(featuresWith('--enable-list-snapshots=false').listSnapshots).toBe(false);
  expect(featuresWith('--enable-snapshot-metadata').snapshotMetadata).toBe('FIXED_LENGTH');
  expect(
    featuresWith('--enable-snapshot-metadata', '--snapshot-metadata-block-type=VARIABLE_LENGTH'),
  ).toMatchObject({ snapshotMetadata: 'VARIABLE_LENGTH' });
  expect(featuresWith('--snapshot-metadata-block-type=VARIABLE_LENGTH').snapshotMetadata).toBeUndefined();
  expect(featuresWith('--check-volume-lifecycle').strictLifecycle).toBe(true);
  expect(featuresWith('--ephemeral').inlineByDefault).toBe(true);
});

test.each([
  [[], ['onDelete', 'archiveExpiry', 'inodeLimit']],
  [['--accepted-mutable-parameter-names=onDelete'], ['onDelete']],
  [['--accepted-mutable-parameter-names=inodeLimit,onDelete,iops,'], ['inodeLimit', 'onDelete', 'iops']],
  [['--accepted-mutable-parameter-names=iops'], ['iops']],
])('the accepted mutable parameters, with %j, are %j', (flags, taken) => {
  const features = featuresWith('--enable-controller-modify-volume', ...flags);
  expect([...(features.mutableParameters ?? [])]).toEqual(taken);
});

test('--accepted-mutable-parameter-names applies only if mutable parameters are enabled', () => {
  expect(featuresWith('--accepted-mutable-parameter-names=onDelete').mutableParameters).toBeUndefined();
});

test.each([
  [[], true, true],
  [['--disable-controller-expansion'], false, true],
  [['--disable-node-expansion'], true, false],
  [['--enable-volume-expansion=false'], false, false],
])('volumes grow, with %j, by the controller: %s, by the node: %s', (flags, byController, byNode) => {
  expect(expansionOf(optionsWith(...flags))).toEqual({ byController, byNode });
});

test('the topology of the node is its id, unless topology is off', () => {
  expect(topologyOf(optionsWith())).toEqual({ 'topology.hostpath.csi/node': 'n' });
  expect(topologyOf(optionsWith('--enable-topology=false'))).toBeUndefined();
});
