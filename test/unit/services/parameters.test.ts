import { expect, test } from 'vitest';
import { checkSnapshotParameters, parseParameters } from '../../../src/services/parameters.ts';

test('without parameters a volume is root’s, open to all, in any pool', () => {
  expect(parseParameters({})).toEqual({
    pool: undefined,
    wish: { backend: 'auto', enforceCapacity: 'auto' },
    root: { uid: 0, gid: 0, mode: 0o777 },
    allowsModeChange: false,
  });
});

test('what is told is taken', () => {
  expect(parseParameters({ pool: 'fast', uid: '1000', gid: '4294967294', mode: '2770' })).toEqual({
    pool: 'fast',
    wish: { backend: 'auto', enforceCapacity: 'auto' },
    root: { uid: 1000, gid: 4294967294, mode: 0o2770 },
    allowsModeChange: false,
  });
});

test.each([{ kind: 'fast' }, { pool: 'fast' }, { pool: 'fast', kind: 'fast' }])(
  'kind is another name of pool: %j',
  (parameters) => {
    expect(parseParameters(parameters).pool).toBe('fast');
  },
);

test.each([
  [{ backend: 'directory' }, { backend: 'directory', enforceCapacity: 'auto' }],
  [{ backend: 'image' }, { backend: 'image', enforceCapacity: 'auto' }],
  [{ enforceCapacity: 'required' }, { backend: 'auto', enforceCapacity: 'required' }],
  [{ enforceCapacity: 'strict' }, { backend: 'auto', enforceCapacity: 'strict' }],
  [
    { backend: 'auto', enforceCapacity: 'auto' },
    { backend: 'auto', enforceCapacity: 'auto' },
  ],
])('how a volume is provided may be wished for: %j', (parameters: Record<string, string>, wish) => {
  expect(parseParameters(parameters).wish).toEqual(wish);
});

test('a key of the Go reference driver that means nothing here is passed over', () => {
  expect(parseParameters({ ignoreFailedRead: 'true' })).toEqual(parseParameters({}));
});

test.each([
  ['0', 0],
  ['755', 0o755],
  ['07777', 0o7777],
])('the mode %s is octal', (text, mode) => {
  expect(parseParameters({ mode: text }).root.mode).toBe(mode);
});

test.each(['csi.storage.k8s.io/fstype', 'fstype'])(
  'what the provisioner reads of a StorageClass is passed over: %s',
  (key) => {
    expect(parseParameters({ [key]: 'xfs' })).toEqual(parseParameters({}));
  },
);

test('the provisioner reads nothing of an inline volume', () => {
  expect(() => parseParameters({ fstype: 'xfs' }, 'volume_context')).toThrow('fsType of the volume');
});

test.each([
  ['true', true],
  ['false', false],
] as const)('allowVolumeModeChange %s', (text, allowsModeChange) => {
  expect(parseParameters({ allowVolumeModeChange: text }).allowsModeChange).toBe(allowsModeChange);
});

test('a pod cannot allow a change of the volume mode to itself', () => {
  expect(() => parseParameters({ allowVolumeModeChange: 'true' }, 'volume_context')).toThrow(
    'unknown parameter',
  );
});

test('what the provisioner adds of its own is passed over', () => {
  expect(parseParameters({ 'csi.storage.k8s.io/pvc/name': 'claim' }).pool).toBeUndefined();
});

test.each([
  [
    'parameters: unknown parameter "colour"; expected one of pool, kind, backend, enforceCapacity, uid, gid, mode, allowVolumeModeChange',
    { colour: 'blue' },
  ],
  ['parameters: unknown parameter "UID"; did you mean uid?', { UID: '0' }],
  ['parameters.kind: "slow" is another name than parameters.pool, "fast"', { pool: 'fast', kind: 'slow' }],
  ['parameters.backend: "quota" is none of auto, directory, image', { backend: 'quota' }],
  ['parameters.backend: ""', { backend: '' }],
  ['parameters.enforceCapacity: "true" is none of auto, required, strict', { enforceCapacity: 'true' }],
  ['parameters.allowVolumeModeChange: "yes" is none of true, false', { allowVolumeModeChange: 'yes' }],
  [
    'parameters: unknown parameter "allow-volume-mode-change"; did you mean allowVolumeModeChange?',
    { 'allow-volume-mode-change': 'true' },
  ],
  ['parameters: unknown parameter "storagePool"; did you mean pool?', { storagePool: 'fast' }],
  ['parameters: unknown parameter "constructor"', { constructor: 'x' }],
  ['parameters.uid: ""', { uid: '' }],
  ['parameters.uid: "-1"', { uid: '-1' }],
  ['parameters.uid: "4294967295"', { uid: '4294967295' }],
  ['parameters.gid: "1e3"', { gid: '1e3' }],
  ['parameters.gid: "staff"', { gid: 'staff' }],
  ['parameters.mode: ""', { mode: '' }],
  ['parameters.mode: "0888"', { mode: '0888' }],
  ['parameters.mode: "10000"', { mode: '10000' }],
  ['parameters.mode: "rwx"', { mode: 'rwx' }],
])('is refused, and the parameter named: %s', (message, parameters) => {
  expect(() => parseParameters(parameters as unknown as Record<string, string>)).toThrow(
    expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(message) }),
  );
});

test('a key is not shown in full where it is long, for the message must fit in a reply', () => {
  expect(() => parseParameters({ ['x'.repeat(100_000)]: '' })).toThrow(
    expect.objectContaining({ kind: 'invalid', message: expect.stringMatching(/^.{1,500}$/) }),
  );
});

test('what the snapshotter adds of its own, and what the Go reference driver knows, is no parameter', () => {
  expect(() =>
    checkSnapshotParameters({ 'csi.storage.k8s.io/volumesnapshot/name': 's', ignoreFailedRead: 'true' }),
  ).not.toThrow();
});

test.each(['pool', 'colour', '', 'constructor'])('a snapshot has no parameter %j', (key) => {
  expect(() => checkSnapshotParameters({ ignoreFailedRead: 'true', [key]: 'x' })).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      message: `parameters: unknown parameter ${JSON.stringify(key)}; snapshots have no parameters`,
    }),
  );
});
