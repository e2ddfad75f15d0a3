import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessModes } from '../../../src/model/requests/access-mode.ts';
import { parseMountFlags } from '../../../src/model/requests/mount-flags.ts';
import type { VolumeCapability__Output } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import {
  parseCapabilities,
  parseCapability,
  parseCapacityRange,
  parseName,
  parsePlaces,
  required,
} from '../../../src/services/requests.ts';

const invalid = (message: string) =>
  expect.objectContaining({ kind: 'invalid', message: expect.stringContaining(message) });

test.each([null, ''])('a required field that is %j is told by name', (value) => {
  expect(() => required('volume_id', value)).toThrow(invalid('volume_id is required'));
});

test('a required field that is there is handed on', () => {
  expect(required('volume_id', 'v')).toBe('v');
  expect(required('readonly', false)).toBe(false);
});

describe('a name', () => {
  test.each([
    'pvc-1',
    '../..',
    '/',
    'ü',
    'tab\tline\nreturn\r',
    '\u{1f600}',
    '"',
    'x'.repeat(128),
    'é'.repeat(64),
  ])('may be %j', (name) => {
    expect(parseName('name', name)).toBe(name);
  });

  test.each([
    ['', 'name is required'],
    ['x'.repeat(129), 'is longer than 128 bytes'],
    ['é'.repeat(65), 'is longer than 128 bytes'],
    ['a\0b', 'U+0000'],
    ['a\u000bb', 'U+000B'],
    ['a\u001fb', 'U+001F'],
    ['a\u007fb', 'U+007F'],
    ['a\u0080b', 'U+0080'],
    ['a\u009fb', 'U+009F'],
  ])('may not be %j', (name, why) => {
    expect(() => parseName('name', name)).toThrow(invalid(why));
  });

  test('is handed on unchanged or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (name) => {
        const isLegal = Buffer.byteLength(name) <= 128 && !/[^\P{Cc}\t\n\r]/u.test(name);
        if (isLegal) expect(parseName('name', name)).toBe(name);
        else expect(() => parseName('name', name)).toThrow(expect.objectContaining({ kind: 'invalid' }));
      }),
    );
  });
});

describe('a capacity range', () => {
  test('keeps sizes that no JavaScript number holds', () => {
    expect(
      parseCapacityRange({ required_bytes: '9007199254740993', limit_bytes: '9223372036854775807' }),
    ).toEqual({
      requiredBytes: 9007199254740993n,
      limitBytes: 9223372036854775807n,
    });
  });

  test('may be left out', () => {
    expect(parseCapacityRange(null)).toEqual({ requiredBytes: 0n, limitBytes: 0n });
  });

  test('is refused where it can never be met', () => {
    expect(() => parseCapacityRange({ required_bytes: '2', limit_bytes: '1' })).toThrow(
      expect.objectContaining({ kind: 'invalid', about: 'limitBytes' }),
    );
  });
});

describe('a capability', () => {
  const mount = (changes: object = {}, mountChanges: object = {}) =>
    ({
      access_type: 'mount',
      mount: { fs_type: '', mount_flags: [], volume_mount_group: '', ...mountChanges },
      access_mode: { mode: 'SINGLE_NODE_WRITER' },
      ...changes,
    }) as VolumeCapability__Output;

  test.each(accessModes)('may have the mode %s', (mode) => {
    expect(parseCapability('c', mount({ access_mode: { mode } }))).toMatchObject({ accessMode: mode });
  });

  test('for a mount carries file system and flags', () => {
    expect(parseCapability('c', mount({}, { fs_type: 'xfs', mount_flags: ['ro'] }))).toEqual({
      accessType: 'mount',
      accessMode: 'SINGLE_NODE_WRITER',
      fsType: 'xfs',
      mountFlags: parseMountFlags('mount_flags', ['ro']),
      superblockOptions: [],
      fileSystemOptions: [],
    });
  });

  test('may leave the file system open', () => {
    expect(parseCapability('c', mount())).toMatchObject({ fsType: undefined });
  });

  test('for a block device carries its mode', () => {
    expect(parseCapability('c', mount({ access_type: 'block', block: {}, mount: null }))).toEqual({
      accessType: 'block',
      accessMode: 'SINGLE_NODE_WRITER',
    });
  });

  test.each([
    ['c.access_mode is required', mount({ access_mode: null })],
    ['c.access_mode.mode is required', mount({ access_mode: { mode: 'UNKNOWN' } })],
    ['c.access_mode.mode: 99', mount({ access_mode: { mode: 99 } })],
    ['c.access_mode.mode: "constructor"', mount({ access_mode: { mode: 'constructor' } })],
    ['c.access_type (mount or block) is required', mount({ access_type: undefined })],
    ['c.mount is required', mount({ mount: null })],
    ['c.mount.fs_type: "ntfs" cannot be made; possible are ext4, xfs, btrfs', mount({}, { fs_type: 'ntfs' })],
    ['c.mount.mount_flags: "bogus"', mount({}, { mount_flags: ['bogus'] })],
    ['c.mount.volume_mount_group: "1000"', mount({}, { volume_mount_group: '1000' })],
  ])('is refused, and the field named: %s', (message, capability) => {
    expect(() => parseCapability('c', capability)).toThrow(invalid(message));
  });

  test('in a list is named by its place', () => {
    const list = [mount(), mount({ access_mode: null })];
    expect(() => parseCapabilities('volume_capabilities', list)).toThrow(
      invalid('volume_capabilities[1].access_mode'),
    );
  });
});

test('places are the segments of a topology, and none where there is none', () => {
  expect(parsePlaces([{ segments: { zone: 'a' } }])).toEqual([{ zone: 'a' }]);
  expect(parsePlaces(undefined)).toEqual([]);
});
