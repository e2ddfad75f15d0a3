import { expect, test } from 'vitest';
import type { CreateVolumeRequest } from '../../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import { createRequest } from '../../../support/requests.ts';
import { type FakeModelSettings, fakeNode } from '../../model/fakes/model.ts';
import { blockContent } from '../../model/fakes/requests.ts';
import { controllerOf } from '../calls.ts';

/** The volume that a StorageClass with these parameters leads to. */
async function volumeWith(
  parameters: Record<string, string>,
  settings: FakeModelSettings = {},
  changes: Partial<CreateVolumeRequest> = {},
) {
  const { model } = fakeNode(settings);
  await controllerOf(model).CreateVolume(createRequest('a', { parameters, ...changes }));
  return model.catalogue.volumes.findByName('a');
}

const quota = { directories: { backend: 'quota' } } as const;
const plainVolume = {
  pool: 'default',
  content: { backend: 'directory' },
  root: { uid: 0, gid: 0, mode: 0o777 },
};

test('without parameters a volume belongs to root, is open to all, in the default pool', async () => {
  expect(await volumeWith({})).toMatchObject(plainVolume);
});

test('the given parameters are used', async () => {
  const parameters = { pool: 'fast', uid: '1000', gid: '4294967294', mode: '2770' };
  expect(await volumeWith(parameters)).toMatchObject({
    pool: 'fast',
    root: { uid: 1000, gid: 4294967294, mode: 0o2770 },
  });
});

test.each([{ kind: 'fast' }, { pool: ' fast ' }, { pool: 'fast', kind: 'fast' }])(
  'kind is an alias of pool: %j',
  async (parameters: Record<string, string>) => {
    expect((await volumeWith(parameters))?.pool).toBe('fast');
  },
);

test.each<[Record<string, string>, string]>([
  [{}, 'quota'],
  [{ backend: 'directory' }, 'quota'],
  [{ backend: 'image' }, 'image'],
  [{ enforceCapacity: 'required' }, 'quota'],
  [{ enforceCapacity: 'strict' }, 'image'],
  [{ backend: 'auto', enforceCapacity: 'auto' }, 'quota'],
])('the backend of a volume can be requested: %j is %s', async (parameters, backend) => {
  expect((await volumeWith(parameters, quota))?.content.backend).toBe(backend);
});

test('a StorageClass says what becomes of deleted content, and a VolumeAttributesClass has precedence', async () => {
  const parameters = { onDelete: 'archive', archiveExpiry: '2h' };
  const archived = { onDelete: 'archive', archiveExpirySeconds: 7200 };
  expect(await volumeWith(parameters)).toMatchObject({ mutable: archived });
  const features = { mutableParameters: new Set(['onDelete']) };
  const mutable_parameters = { onDelete: 'retain' };
  expect(await volumeWith(parameters, { features }, { mutable_parameters })).toMatchObject({
    mutable: { ...archived, onDelete: 'retain' },
  });
});

test.each([
  [{ onDelete: 'keep' }, 'parameters.onDelete: "keep" must be one of delete, retain, archive'],
  [{ archiveExpiry: 'soon' }, 'parameters.archiveExpiry: "soon" must be never, or a time such as'],
])('a StorageClass with %j is refused', async (parameters: Record<string, string>, message) => {
  await expect(volumeWith(parameters)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(message),
  });
});

test.each([
  ['0', 0],
  ['755', 0o755],
  ['07777', 0o7777],
])('the mode %s is octal', async (mode, expected) => {
  expect((await volumeWith({ mode }))?.root.mode).toBe(expected);
});

test.each([
  ['of the Go reference driver', 'ignoreFailedRead', 'true'],
  ['for the provisioner, with its prefix', 'csi.storage.k8s.io/fstype', 'xfs'],
  ['for the provisioner, by its old name', 'fstype', 'xfs'],
  ['that the provisioner has added', 'csi.storage.k8s.io/pvc/name', 'claim'],
])('a key %s is ignored: %s', async (_, key, value) => {
  expect(await volumeWith({ [key]: value })).toMatchObject(plainVolume);
});

test('allowVolumeModeChange is true or false, and false by default', async () => {
  const node = fakeNode();
  const { id } = await node.addVolume('original', { content: blockContent });
  const { CreateVolume } = controllerOf(node.model);
  const restore = (name: string, parameters: Record<string, string>) =>
    CreateVolume(createRequest(name, { parameters, volume_content_source: { volume: { volume_id: id } } }));
  const refusal = { kind: 'invalid', message: expect.stringMatching(/^parameters.allowVolumeModeChange: /) };
  await expect(restore('a', {})).rejects.toMatchObject(refusal);
  await expect(restore('a', { allowVolumeModeChange: 'false' })).rejects.toMatchObject(refusal);
  const { volume } = await restore('a', { allowVolumeModeChange: 'true' });
  expect(volume?.volume_context).toMatchObject({ backend: 'image' });
});

const all =
  'expected one of pool, kind, backend, enforceCapacity, uid, gid, mode, mkfsOptions, fsckMode, provisioning, compression, nodatacow, allowVolumeModeChange, restore, nameTemplate, encryption, encryptionDiscards, onDelete, archiveExpiry';

test.each<[string, Record<string, string>]>([
  ['parameters.kind: "slow" must be the same as parameters.pool, "fast"', { pool: 'fast', kind: 'slow' }],
  ['parameters.backend: "quota" must be one of auto, directory, image', { backend: 'quota' }],
  ['parameters.backend: ""', { backend: '' }],
  ['parameters.enforceCapacity: "true" must be one of auto, required, strict', { enforceCapacity: 'true' }],
  ['parameters.allowVolumeModeChange: "yes" must be one of true, false', { allowVolumeModeChange: 'yes' }],
  ['parameters.restore: "yes" must be one of never, latest, required', { restore: 'yes' }],
  ['parameters.uid: ""', { uid: '' }],
  ['parameters.uid: "-1"', { uid: '-1' }],
  ['parameters.uid: "4294967295"', { uid: '4294967295' }],
  ['parameters.gid: "1e3"', { gid: '1e3' }],
  ['parameters.gid: "staff"', { gid: 'staff' }],
  ['parameters.mode: ""', { mode: '' }],
  ['parameters.mode: "0888"', { mode: '0888' }],
  ['parameters.mode: "10000"', { mode: '10000' }],
  ['parameters.mode: "rwx"', { mode: 'rwx' }],
])('is refused, with the name of the parameter: %s', async (message, parameters) => {
  await expect(volumeWith(parameters)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(message),
  });
});

test('the options of mkfs, and when a file system is checked, are recorded as given', async () => {
  const parameters = { backend: 'image', mkfsOptions: '  -i 8192\t-m 5 ', fsckMode: 'always' };
  expect((await volumeWith(parameters))?.content).toEqual({
    backend: 'image',
    use: { accessType: 'mount', fsType: 'ext4', mkfsOptions: '-i 8192 -m 5', fsckMode: 'always' },
  });
  const block = {
    volume_capabilities: [{ block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' as const } }],
  };
  expect((await volumeWith(parameters, {}, block))?.content).toEqual(blockContent);
});

test.each([
  ['parameters.mkfsOptions: "-m 5" is for volumes with a file system of their own', { mkfsOptions: '-m 5' }],
  ['parameters.fsckMode: "never" is for volumes with a file system of their own', { fsckMode: 'never' }],
  ['parameters.mkfsOptions: " " must have options', { backend: 'image', mkfsOptions: ' ' }],
  ['parameters.mkfsOptions: "-m 99" has "-m 99"', { backend: 'image', mkfsOptions: '-m 99' }],
  ['parameters.fsckMode: "yes" must be one of auto, always, never', { backend: 'image', fsckMode: 'yes' }],
])('wishes for a file system that cannot be met are refused: %s', async (message, parameters) => {
  await expect(volumeWith(parameters as Record<string, string>)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining(message),
  });
});

test.each([
  [{ mkfsOptions: '-m 5' }, {}, 'mkfsOptions "-m 5"'],
  [{}, { mkfsOptions: '-m 5' }, 'no mkfsOptions'],
  [{ mkfsOptions: '-m 5' }, { mkfsOptions: '-m 6' }, 'mkfsOptions "-m 5"'],
  [{ fsckMode: 'never' }, {}, 'fsckMode never'],
  [{}, { fsckMode: 'never' }, 'fsckMode auto'],
])('an image made with %j is not the one that %j asks for', async (first, second, difference) => {
  const { model } = fakeNode();
  const create = (parameters: object) =>
    controllerOf(model).CreateVolume(createRequest('a', { parameters: { backend: 'image', ...parameters } }));
  await create(first);
  await create(first);
  await expect(create(second)).rejects.toMatchObject({
    kind: 'already-exists',
    message: expect.stringContaining(difference),
  });
});

test.each([
  ['storagePool', 'did you mean pool?'],
  ['fsType', 'did you mean csi.storage.k8s.io/fstype?'],
  ['FSType', 'did you mean csi.storage.k8s.io/fstype?'],
  ['thinProvision', 'did you mean provisioning?'],
  ['formatOptions', 'did you mean mkfsOptions?'],
  ['pathPattern', 'omit it: the driver chooses the volume paths; nameTemplate makes links to them;'],
  ['mountPermissions', 'did you mean mode?'],
  ['archiveOnDelete', 'did you mean onDelete: archive?'],
  ['inodeLimit', 'it is a mutable parameter, to be set in a VolumeAttributesClass;'],
])(
  "a key of another driver, or of another field, is answered with this driver's: %s",
  async (key, advice) => {
    await expect(volumeWith({ [key]: 'x' })).rejects.toMatchObject({
      kind: 'invalid',
      message: `parameters: unknown parameter "${key}"; ${advice} ${all}`,
    });
  },
);

test.each([
  ['enforcecapacity', 'enforceCapacity'],
  ['enforceCapacty', 'enforceCapacity'],
  ['allow-volume-mode-change', 'allowVolumeModeChange'],
  ['UID', 'uid'],
  ['backends', 'backend'],
  ['Pool', 'pool'],
])('a misspelled key is answered with the correct one: %s', async (key, meant) => {
  await expect(volumeWith({ [key]: 'x' })).rejects.toMatchObject({
    message: `parameters: unknown parameter "${key}"; did you mean ${meant}? ${all}`,
  });
});

test.each(['colour', 'constructor'])('for any other key only the known ones are listed: %s', async (key) => {
  await expect(volumeWith({ [key]: 'x' })).rejects.toMatchObject({
    kind: 'invalid',
    message: `parameters: unknown parameter "${key}"; ${all}`,
  });
});

test('a long key is not shown in full, because the message must fit in a reply', async () => {
  await expect(volumeWith({ ['x'.repeat(100_000)]: '' })).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringMatching(/^.{1,500}$/),
  });
});
