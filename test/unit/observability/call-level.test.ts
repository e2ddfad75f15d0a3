import { expect, test } from 'vitest';
import { rpcs } from '../../../scripts/lib/csi-catalogue.ts';
import { callLevel } from '../../../src/observability/call-log.ts';

const levels = rpcs.map(({ service, name }) => ({ name, level: callLevel(`/csi.v1.${service}/${name}`) }));
const namesAt = (wanted: string) => levels.filter(({ level }) => level === wanted).map(({ name }) => name);

test('mutating calls are always logged', () => {
  expect(namesAt('info')).toEqual([
    'CreateVolume',
    'DeleteVolume',
    'ControllerPublishVolume',
    'ControllerUnpublishVolume',
    'CreateSnapshot',
    'DeleteSnapshot',
    'ControllerExpandVolume',
    'ControllerModifyVolume',
    'NodeStageVolume',
    'NodeUnstageVolume',
    'NodePublishVolume',
    'NodeUnpublishVolume',
    'NodeExpandVolume',
    'CreateVolumeGroupSnapshot',
    'DeleteVolumeGroupSnapshot',
  ]);
});

test('read-only calls are at debug level, and probes below that', () => {
  expect(namesAt('debug')).toHaveLength(36 - 15 - 1);
  expect(namesAt('debug')).toEqual(
    expect.arrayContaining(['NodeGetVolumeStats', 'GetPluginInfo', 'GetMetadataDelta', 'ListVolumes']),
  );
  expect(namesAt('trace')).toEqual(['Probe']);
});

test('a method unknown to CSI is always logged', () => {
  expect(callLevel('/csi.v2.Node/NodeTellFortune')).toBe('info');
});
