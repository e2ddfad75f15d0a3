import { beforeAll, describe, expect, test } from 'vitest';
import { isHostRoot } from '../../support/host-root.ts';
import { expectRefusal, refusalOf } from '../../support/refusal.ts';
import { createRequest, mountCapability } from '../../support/requests.ts';
import { TestNode } from '../../support/test-node.ts';

const volume_capability = mountCapability();
const volume_id = 'no-such-volume';
const staging_target_path = '/tmp/no-such-staging';
const target_path = '/tmp/no-such-target';
const modeless = { mount: {}, access_mode: null };
const typeless = { access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;

let node: TestNode;
let known: string;

beforeAll(async () => {
  node = new TestNode();
  await node.start({ flags: ['--max-volume-size=2Gi'] });
  known = await node.create('known');
  return () => node.dispose();
});

describe('a missing required field', () => {
  test.each<[string, string, () => Promise<unknown>]>([
    ['CreateVolume', 'name', () => node.controller.CreateVolume({ ...createRequest('x'), name: '' })],
    ['CreateVolume', 'volume_capabilities', () => node.create('x', { volume_capabilities: [] })],
    [
      'CreateVolume',
      'access_mode',
      () => node.create('x', { volume_capabilities: [volume_capability, modeless] }),
    ],
    [
      'CreateVolume',
      'volume_capabilities[1]',
      () => node.create('x', { volume_capabilities: [volume_capability, typeless] }),
    ],
    [
      'CreateVolume',
      'mode',
      () => node.create('x', { volume_capabilities: [{ mount: {}, access_mode: { mode: 'UNKNOWN' } }] }),
    ],
    ['DeleteVolume', 'volume_id', () => node.controller.DeleteVolume({})],
    ['ControllerGetVolume', 'volume_id', () => node.controller.ControllerGetVolume({})],
    [
      'ValidateVolumeCapabilities',
      'volume_id',
      () => node.controller.ValidateVolumeCapabilities({ volume_capabilities: [volume_capability] }),
    ],
    [
      'ValidateVolumeCapabilities',
      'volume_capabilities',
      () => node.controller.ValidateVolumeCapabilities({ volume_id: known }),
    ],
    ['GetCapacity', 'access_mode', () => node.controller.GetCapacity({ volume_capabilities: [modeless] })],
    [
      'NodeStageVolume',
      'volume_id',
      () => node.node.NodeStageVolume({ staging_target_path, volume_capability }),
    ],
    [
      'NodeStageVolume',
      'staging_target_path',
      () => node.node.NodeStageVolume({ volume_id: known, volume_capability }),
    ],
    [
      'NodeStageVolume',
      'volume_capability',
      () => node.node.NodeStageVolume({ volume_id: known, staging_target_path }),
    ],
    [
      'NodeStageVolume',
      'access_type',
      () => node.node.NodeStageVolume({ volume_id: known, staging_target_path, volume_capability: typeless }),
    ],
    ['NodeUnstageVolume', 'volume_id', () => node.node.NodeUnstageVolume({ staging_target_path })],
    ['NodeUnstageVolume', 'staging_target_path', () => node.node.NodeUnstageVolume({ volume_id: known })],
    [
      'NodePublishVolume',
      'volume_id',
      () => node.node.NodePublishVolume({ staging_target_path, target_path, volume_capability }),
    ],
    [
      'NodePublishVolume',
      'target_path',
      () => node.node.NodePublishVolume({ volume_id: known, staging_target_path, volume_capability }),
    ],
    [
      'NodePublishVolume',
      'volume_capability',
      () => node.node.NodePublishVolume({ volume_id: known, staging_target_path, target_path }),
    ],
    [
      'NodePublishVolume',
      'access_mode',
      () =>
        node.node.NodePublishVolume({
          volume_id: known,
          staging_target_path,
          target_path,
          volume_capability: modeless,
        }),
    ],
    ['NodeUnpublishVolume', 'volume_id', () => node.node.NodeUnpublishVolume({ target_path })],
    ['NodeUnpublishVolume', 'target_path', () => node.node.NodeUnpublishVolume({ volume_id: known })],
    ['NodeGetVolumeStats', 'volume_id', () => node.node.NodeGetVolumeStats({ volume_path: target_path })],
    ['NodeGetVolumeStats', 'volume_path', () => node.node.NodeGetVolumeStats({ volume_id: known })],
    [
      'ControllerExpandVolume',
      'volume_id',
      () => node.controller.ControllerExpandVolume({ capacity_range: { required_bytes: 1 } }),
    ],
    [
      'ControllerExpandVolume',
      'capacity_range',
      () => node.controller.ControllerExpandVolume({ volume_id: known }),
    ],
    ['NodeExpandVolume', 'volume_id', () => node.node.NodeExpandVolume({ volume_path: target_path })],
    ['NodeExpandVolume', 'volume_path', () => node.node.NodeExpandVolume({ volume_id: known })],
  ])('%s without %s', async (_, field, call) => {
    await expectRefusal(call(), 'INVALID_ARGUMENT', field);
  });

  test('NodePublishVolume without staging_target_path has a code of its own', async () => {
    const call = node.node.NodePublishVolume({ volume_id: known, target_path, volume_capability });
    await expectRefusal(call, 'FAILED_PRECONDITION', 'staging_target_path');
  });
});

describe('a volume that does not exist', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['ControllerGetVolume', () => node.controller.ControllerGetVolume({ volume_id })],
    [
      'ValidateVolumeCapabilities',
      () =>
        node.controller.ValidateVolumeCapabilities({ volume_id, volume_capabilities: [volume_capability] }),
    ],
    [
      'NodeStageVolume',
      () => node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability }),
    ],
    [
      'NodeStageVolume with a relative path',
      () => node.node.NodeStageVolume({ volume_id, staging_target_path: 'some/path', volume_capability }),
    ],
    [
      'NodePublishVolume',
      () => node.node.NodePublishVolume({ volume_id, staging_target_path, target_path, volume_capability }),
    ],
    [
      'NodePublishVolume without staging path',
      () => node.node.NodePublishVolume({ volume_id, target_path, volume_capability }),
    ],
    [
      'NodePublishVolume with relative paths',
      () =>
        node.node.NodePublishVolume({
          volume_id,
          staging_target_path: 's',
          target_path: 't',
          volume_capability,
        }),
    ],
    ['NodeGetVolumeStats', () => node.node.NodeGetVolumeStats({ volume_id, volume_path: target_path })],
    [
      'NodeGetVolumeStats with a relative path',
      () => node.node.NodeGetVolumeStats({ volume_id, volume_path: 'some/path' }),
    ],
    [
      'ControllerExpandVolume',
      () => node.controller.ControllerExpandVolume({ volume_id, capacity_range: { required_bytes: 1 } }),
    ],
    ['NodeExpandVolume', () => node.node.NodeExpandVolume({ volume_id, volume_path: target_path })],
    [
      'NodeExpandVolume with a relative path',
      () => node.node.NodeExpandVolume({ volume_id, volume_path: 'some/path' }),
    ],
  ])('is not found by %s', async (_, call) => {
    await expectRefusal(call(), 'NOT_FOUND', volume_id);
  });

  test.each<[string, () => Promise<unknown>]>([
    ['DeleteVolume', () => node.controller.DeleteVolume({ volume_id })],
    ['NodeUnpublishVolume', () => node.node.NodeUnpublishVolume({ volume_id, target_path })],
    [
      'NodeUnpublishVolume below a missing directory',
      () => node.node.NodeUnpublishVolume({ volume_id, target_path: `${target_path}/below` }),
    ],
    ['NodeUnstageVolume', () => node.node.NodeUnstageVolume({ volume_id, staging_target_path })],
    [
      'NodeUnstageVolume below a missing directory',
      () => node.node.NodeUnstageVolume({ volume_id, staging_target_path: `${staging_target_path}/below` }),
    ],
  ])('does not make %s fail', async (_, call) => {
    await call();
  });

  test("cannot be reported as deleted if the id is of another node's pool", async () => {
    const foreign = known.replace(/-[0-9a-f]{8}-[0-9a-f]{8}$/, '-00000000-01234567');
    await expectRefusal(
      node.controller.DeleteVolume({ volume_id: foreign }),
      'FAILED_PRECONDITION',
      '00000000',
    );
    await expectRefusal(node.controller.ControllerGetVolume({ volume_id: foreign }), 'NOT_FOUND', foreign);
    await node.node.NodeUnpublishVolume({ volume_id: foreign, target_path });
    await node.node.NodeUnstageVolume({ volume_id: foreign, staging_target_path });
  });
});

describe('sizes', () => {
  const asking = (required_bytes: string, limit_bytes = '0') => ({
    capacity_range: { required_bytes, limit_bytes },
  });

  test.each<[string, string, string | undefined, 'INVALID_ARGUMENT' | 'OUT_OF_RANGE']>([
    ['a negative size is invalid', '-1', undefined, 'INVALID_ARGUMENT'],
    ['the most negative size is invalid', '-9223372036854775808', undefined, 'INVALID_ARGUMENT'],
    ['a negative limit is invalid', '1', '-1', 'INVALID_ARGUMENT'],
    ['a limit below the required size is invalid', '2048', '1024', 'INVALID_ARGUMENT'],
    ['a byte over --max-volume-size is out of range', '2147483649', undefined, 'OUT_OF_RANGE'],
    ['the largest possible size is out of range', '9223372036854775807', undefined, 'OUT_OF_RANGE'],
    [
      'a size over --max-volume-size is out of range with a limit too',
      '2147483649',
      '4294967296',
      'OUT_OF_RANGE',
    ],
  ])('%s', async (title, required, limit, code) => {
    await expectRefusal(node.create(title, asking(required, limit)), code, 'capacity_range');
  });

  test.each<[string, string, string | undefined, 'INVALID_ARGUMENT' | 'OUT_OF_RANGE']>([
    ['a negative size is invalid', '-1', undefined, 'INVALID_ARGUMENT'],
    ['a limit below the required size is invalid', '4194304', '2097152', 'INVALID_ARGUMENT'],
    ['a byte over --max-volume-size is out of range', '2147483649', undefined, 'OUT_OF_RANGE'],
    ['the largest possible size is out of range', '9223372036854775807', undefined, 'OUT_OF_RANGE'],
    ['a limit below the current size is out of range', '0', '1048575', 'OUT_OF_RANGE'],
  ])('to grow: %s, and the volume stays unchanged', async (_, required, limit, code) => {
    const paths = await node.createStaged('grows not');
    const before = await node.controller.ControllerGetVolume(paths);
    const growing = { volume_id: paths.volume_id, ...asking(required, limit) };
    const volume_path = paths.staging_target_path;
    await expectRefusal(node.controller.ControllerExpandVolume(growing), code, 'capacity_range');
    await expectRefusal(node.node.NodeExpandVolume({ ...growing, volume_path }), code, 'capacity_range');
    expect(await node.controller.ControllerGetVolume(paths)).toEqual(before);
  });

  test('a volume has exactly the required bytes, up to --max-volume-size', async () => {
    for (const bytes of ['1', '1234567', '2147483648']) {
      const { volume } = await node.controller.CreateVolume(createRequest(`size ${bytes}`, asking(bytes)));
      expect(volume?.capacity_bytes).toBe(bytes);
    }
  });

  test('without a size a volume has 1 GiB, or its limit if that is less', async () => {
    const { volume } = await node.controller.CreateVolume(createRequest('no size', { capacity_range: null }));
    expect(volume?.capacity_bytes).toBe('1073741824');
    const limited = await node.controller.CreateVolume(createRequest('limit alone', asking('0', '4096')));
    expect(limited.volume?.capacity_bytes).toBe('4096');
  });
});

describe('names', () => {
  test.each([
    ['of 129 bytes', 'n'.repeat(129)],
    ['of 64 characters in 130 bytes', `${'ü'.repeat(64)}nn`],
    ['with a NUL', 'a\0b'],
    ['with an escape', 'a\u001b[31m'],
    ['with a backspace', 'a\b'],
    ['with a delete', 'a\u007f'],
    ['with a C1 control character', 'a\u0085b'],
  ])('%s are invalid', async (_, name) => {
    await expectRefusal(node.controller.CreateVolume(createRequest(name)), 'INVALID_ARGUMENT', 'name');
  });

  test('a name of a volume with another size is refused, and the volume stays unchanged', async () => {
    const before = await node.controller.ControllerGetVolume({ volume_id: known });
    for (const changes of [
      { capacity_range: { required_bytes: 1024 ** 2 + 1 } },
      { capacity_range: { limit_bytes: 1024 ** 2 - 1 } },
      { parameters: { mode: '0700' } },
      { parameters: { uid: '1000' } },
    ]) {
      await expectRefusal(
        node.controller.CreateVolume(createRequest('known', changes)),
        'ALREADY_EXISTS',
        'known',
      );
    }
    expect(await node.controller.ControllerGetVolume({ volume_id: known })).toEqual(before);
    expect(await node.create('known', { capacity_range: { limit_bytes: 1024 ** 2 } })).toBe(known);
  });
});

describe('capabilities', () => {
  const block = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;
  const unknownMode = { mount: {}, access_mode: { mode: 99 as never } };
  const mounted = mountCapability;
  const formatted = (fs_type: string) =>
    ({ mount: { fs_type }, access_mode: { mode: 'SINGLE_NODE_WRITER' } }) as const;

  test.each([
    ['a mount and a block device on one volume contradict each other', [mounted(), block]],
    [
      'one writer and another mode contradict each other',
      [mounted('SINGLE_NODE_SINGLE_WRITER'), mounted('SINGLE_NODE_MULTI_WRITER')],
    ],
    ['an unsupported file system is invalid', [formatted('vfat')]],
    ['a file system that looks like a path is invalid', [formatted('../ext4')]],
    ['two file systems on one volume contradict each other', [formatted('ext4'), formatted('xfs')]],
    ['an unknown access mode is invalid', [unknownMode]],
    ['an access mode with a negative number is invalid', [{ mount: {}, access_mode: { mode: -1 as never } }]],
    ['an unknown mount flag is invalid', [mounted('SINGLE_NODE_WRITER', ['ro', 'bogus'])]],
    ['a mount flag with a value is invalid', [mounted('SINGLE_NODE_WRITER', ['context=system_u'])]],
    ['an empty mount flag is invalid', [mounted('SINGLE_NODE_WRITER', [''])]],
    [
      'a mount flag with the name of an object property is invalid',
      [mounted('SINGLE_NODE_WRITER', ['constructor'])],
    ],
    ['contradictory mount flags are invalid', [mounted('SINGLE_NODE_WRITER', ['ro', 'rw'])]],
    [
      'a group for the mount is invalid, since it is not declared',
      [{ mount: { volume_mount_group: '1000' }, access_mode: { mode: 'SINGLE_NODE_WRITER' } }],
    ],
  ] as const)('%s', async (title, volume_capabilities) => {
    const call = node.create(title, { volume_capabilities: [...volume_capabilities] });
    await expectRefusal(call, 'INVALID_ARGUMENT', 'volume_capabilit');
    const validated = await node.controller.ValidateVolumeCapabilities({
      volume_id: known,
      volume_capabilities: [...volume_capabilities],
    });
    expect(validated).toMatchObject({
      confirmed: null,
      message: expect.stringContaining('volume_capabilit'),
    });
  });

  test('a node refuses an impossible capability: a block device, an unknown mode, an unknown flag', async () => {
    const stage = (capability: object) => {
      const paths = { volume_id: known, staging_target_path: node.newStaging() };
      return node.node.NodeStageVolume({ ...paths, volume_capability: capability });
    };
    expect((await refusalOf(stage(block))).code).toMatch(/^(INVALID_ARGUMENT|FAILED_PRECONDITION)$/);
    await expectRefusal(stage(unknownMode), 'INVALID_ARGUMENT', 'mode');
    await expectRefusal(stage(mountCapability('SINGLE_NODE_WRITER', ['bogus'])), 'INVALID_ARGUMENT', 'bogus');
  });

  test('compatible modes are confirmed together', async () => {
    const volume_capabilities = [
      mounted('SINGLE_NODE_WRITER', ['noatime']),
      mounted('MULTI_NODE_MULTI_WRITER'),
    ];
    const { confirmed } = await node.controller.ValidateVolumeCapabilities({
      volume_id: known,
      volume_capabilities,
    });
    expect(confirmed?.volume_capabilities?.map((each) => each.access_mode?.mode)).toEqual([
      'SINGLE_NODE_WRITER',
      'MULTI_NODE_MULTI_WRITER',
    ]);
  });
});

describe('parameters', () => {
  test.each([
    ['bogus', 'x'],
    ['constructor', 'x'],
    ['uid', '-1'],
    ['uid', '4294967295'],
    ['uid', 'root'],
    ['uid', ''],
    ['gid', '1e3'],
    ['mode', '0999'],
    ['mode', '17777'],
    ['mode', 'rwx'],
    ['pool', 'nowhere'],
    ['pool', '../x'],
    ['kind', 'nowhere'],
    ['backend', 'tape'],
    ['backend', ''],
    ['backend', 'Directory'],
    ['enforceCapacity', 'true'],
  ])('%s = %j is invalid', async (key, value) => {
    const call = node.create(`${key} = ${value}`, { parameters: { [key]: value } });
    // Of two words for the same parameter the error has the newer.
    await expectRefusal(call, 'INVALID_ARGUMENT', key === 'kind' ? 'pool' : key);
  });

  test("the provisioner's own parameters are accepted", async () => {
    await node.create('provisioned', { parameters: { 'csi.storage.k8s.io/pvc/name': 'claim' } });
  });

  test('mutable parameters are refused, since they are not declared', async () => {
    await expectRefusal(
      node.create('m', { mutable_parameters: { a: 'b' } }),
      'INVALID_ARGUMENT',
      'mutable_parameters',
    );
  });
});

describe('topology', () => {
  const at = (place: string, key = 'topology.hostpath.csi/node') => ({ segments: { [key]: place } });

  test('a volume that must be on another node is refused with the code to try that node', async () => {
    const elsewhere = { accessibility_requirements: { requisite: [at('node-2'), at('node-3')] } };
    await expectRefusal(node.create('elsewhere', elsewhere), 'RESOURCE_EXHAUSTED', 'node-1');
    const otherKey = { accessibility_requirements: { requisite: [at('node-1', 'topology.example/zone')] } };
    await expectRefusal(node.create('other key', otherKey), 'RESOURCE_EXHAUSTED');
  });

  test('a volume that may be on this node is made here', async () => {
    const here = {
      accessibility_requirements: { requisite: [at('node-2'), at('node-1')], preferred: [at('node-2')] },
    };
    const { volume } = await node.controller.CreateVolume(createRequest('here', here));
    expect(volume?.accessible_topology).toEqual([at('node-1')]);
  });

  test('capacity is zero for another node, an unknown pool or an impossible volume', async () => {
    const capacity = async (request: Parameters<typeof node.controller.GetCapacity>[0]) =>
      (await node.controller.GetCapacity(request)).available_capacity;
    expect(await capacity({ accessible_topology: at('node-2') })).toBe('0');
    expect(await capacity({ parameters: { pool: 'nowhere' } })).toBe('0');
    const block = { block: {}, access_mode: { mode: 'SINGLE_NODE_WRITER' } } as const;
    const blockDirectory = { volume_capabilities: [block], parameters: { backend: 'directory' } };
    expect(await capacity(blockDirectory)).toBe('0');
    expect(await capacity({ volume_capabilities: [block, mountCapability()] })).toBe('0');
    if (isHostRoot) expect(Number(await capacity({ volume_capabilities: [block] }))).toBeGreaterThan(0);
    expect(Number(await capacity({ accessible_topology: at('node-1') }))).toBeGreaterThan(0);
  });
});

describe('pages', () => {
  test.each(['bogus', '0', '../x', `${Buffer.from('after:x').toString('base64url')}=`])(
    'the token %j fails with ABORTED, so that the CO starts over',
    async (starting_token) => {
      await expectRefusal(node.controller.ListVolumes({ starting_token }), 'ABORTED', 'starting_token');
    },
  );

  test('a negative max_entries is invalid', async () => {
    await expectRefusal(node.controller.ListVolumes({ max_entries: -1 }), 'INVALID_ARGUMENT', 'max_entries');
  });
});

test('a message over 4 MiB is refused, and the driver keeps serving', async () => {
  const name = 'n'.repeat(4 * 1024 ** 2 + 1);
  await expectRefusal(node.controller.CreateVolume(createRequest(name)), 'RESOURCE_EXHAUSTED');
  expect(await node.create('known')).toBe(known);
});
