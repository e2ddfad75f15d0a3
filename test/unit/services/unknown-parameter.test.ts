import { expect, test } from 'vitest';
import { unknownParameter } from '../../../src/services/unknown-parameter.ts';

const expected = ['pool', 'kind', 'backend', 'enforceCapacity', 'uid', 'gid', 'mode'];
const all = `expected one of ${expected.join(', ')}`;

test.each([
  ['storagePool', 'did you mean pool?'],
  ['fsType', 'did you mean csi.storage.k8s.io/fstype?'],
  ['FSType', 'did you mean csi.storage.k8s.io/fstype?'],
  ['thinProvision', 'leave it out: volumes take space only as they are written to'],
  ['formatOptions', 'leave it out: options of mkfs cannot be chosen'],
  ['pathPattern', 'leave it out: the driver chooses the paths of volumes'],
  ['mountPermissions', 'did you mean mode?'],
  ['onDelete', 'it is a mutable parameter, which a VolumeAttributesClass sets'],
])("a key of another driver, or of another field, is answered with this driver's: %s", (key, advice) => {
  expect(unknownParameter('parameters', key, expected)).toMatchObject({
    kind: 'invalid',
    message: `parameters: unknown parameter "${key}"; ${advice}${advice.endsWith('?') ? '' : ';'} ${all}`,
  });
});

test.each([
  ['enforcecapacity', 'enforceCapacity'],
  ['enforceCapacty', 'enforceCapacity'],
  ['UID', 'uid'],
  ['backends', 'backend'],
  ['Pool', 'pool'],
])('a key that is nearly right is answered with the right one: %s', (key, meant) => {
  const { message } = unknownParameter('parameters', key, expected);
  expect(message).toBe(`parameters: unknown parameter "${key}"; did you mean ${meant}? ${all}`);
});

test('for any other key only those that are expected are told', () => {
  const { message } = unknownParameter('parameters', 'colour', expected);
  expect(message).toBe(`parameters: unknown parameter "colour"; ${all}`);
});

test.each([
  ['fsType', 'did you mean the fsType of the volume? '],
  ['storagePool', 'did you mean pool? '],
  ['onDelete', ''],
])('the attributes of an inline volume have advice of their own: %s', (key, advice) => {
  const { message } = unknownParameter('volume_context', key, expected);
  expect(message).toBe(`volume_context: unknown parameter "${key}"; ${advice}${all}`);
});

test('a mutable parameter is not looked for among those of a StorageClass', () => {
  const { message } = unknownParameter('mutable_parameters', 'storagePool', ['onDelete']);
  expect(message).toBe('mutable_parameters: unknown parameter "storagePool"; expected one of onDelete');
});

test('where no key is expected, that is said', () => {
  const { message } = unknownParameter('parameters', 'colour', []);
  expect(message).toBe('parameters: unknown parameter "colour"; none is expected');
});
