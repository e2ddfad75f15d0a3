import { expect, test } from 'vitest';
import type { Features } from '../../../src/model/settings.ts';
import { parseMutableParameters } from '../../../src/services/mutable-parameters.ts';
import { fakeNode } from '../model/fakes/model.ts';

function parse(
  parameters: Record<string, string>,
  mutableParameters: Features['mutableParameters'] = new Set(['onDelete', 'archiveExpiry', 'inodeLimit']),
) {
  return parseMutableParameters(
    fakeNode({ features: { mutableParameters } }).model.settings.features,
    parameters,
  );
}

test.each([
  [{}, {}],
  [{ onDelete: 'retain' }, { onDelete: 'retain' }],
  [{ onDelete: 'delete' }, { onDelete: 'delete' }],
  [{ onDelete: 'archive' }, { onDelete: 'archive' }],
  [{ archiveExpiry: '72h' }, { archiveExpirySeconds: 259_200 }],
  [{ archiveExpiry: 'never' }, { archiveExpirySeconds: undefined }],
  [{ inodeLimit: '1' }, { inodeLimit: 1n }],
  [{ inodeLimit: '9223372036854775807' }, { inodeLimit: 2n ** 63n - 1n }],
  [{ inodeLimit: 'default' }, { inodeLimit: undefined }],
  [
    { onDelete: 'retain', inodeLimit: '5000' },
    { onDelete: 'retain', inodeLimit: 5000n },
  ],
])('the known parameters are accepted, and no others: %j', (parameters: Record<string, string>, parsed) => {
  expect(parse(parameters)).toStrictEqual(parsed);
});

test("Kubernetes' own keys are ignored", () => {
  const ofKubernetes = { 'csi.storage.k8s.io/pvc/name': 'claim' };
  expect(parse({ ...ofKubernetes, onDelete: 'retain' })).toStrictEqual({ onDelete: 'retain' });
  expect(parse(ofKubernetes)).toStrictEqual({});
  expect(parseMutableParameters(fakeNode().model.settings.features, ofKubernetes)).toStrictEqual({});
});

test('accepted names without a meaning here are kept unchanged, beside the known ones', () => {
  const accepted = new Set(['iops', 'onDelete', 'constructor']);
  const given = { iops: '', onDelete: 'retain', constructor: 'x' } as unknown as Record<string, string>;
  expect(parse(given, accepted)).toStrictEqual({
    onDelete: 'retain',
    opaque: { iops: '', constructor: 'x' },
  });
});

test.each([
  [
    'mutable_parameters: unknown parameter "colour"; expected one of onDelete, archiveExpiry, inodeLimit',
    { colour: 'blue' },
  ],
  ['mutable_parameters: unknown parameter "OnDelete"; did you mean onDelete?', { OnDelete: 'retain' }],
  ['mutable_parameters.onDelete: "burn" must be one of delete, retain, archive', { onDelete: 'burn' }],
  ['mutable_parameters.onDelete: ""', { onDelete: '' }],
  ['mutable_parameters.archiveExpiry: "0d" must be never, or a time such as', { archiveExpiry: '0d' }],
  ['mutable_parameters.archiveExpiry: "30"', { archiveExpiry: '30' }],
  ['mutable_parameters.archiveExpiry: "36501d"', { archiveExpiry: '36501d' }],
  ['mutable_parameters.inodeLimit: "0" must be default or', { inodeLimit: '0' }],
  ['mutable_parameters.inodeLimit: "-1"', { inodeLimit: '-1' }],
  ['mutable_parameters.inodeLimit: "1e6"', { inodeLimit: '1e6' }],
  ['mutable_parameters.inodeLimit: "9223372036854775808"', { inodeLimit: '9223372036854775808' }],
  ['mutable_parameters.inodeLimit: ""', { inodeLimit: '' }],
])('%s', (message, parameters: Record<string, string>) => {
  expect(() => parse(parameters)).toThrow(message);
});

test('a parameter whose name is not accepted is refused', () => {
  expect(() => parse({ inodeLimit: '5' }, new Set(['onDelete']))).toThrow(
    'mutable_parameters: unknown parameter "inodeLimit"; expected one of onDelete',
  );
  expect(() => parse({ onDelete: 'retain' }, new Set())).toThrow(
    'mutable_parameters: unknown parameter "onDelete"; no parameters are supported',
  );
});

test('a parameter of a StorageClass is not suggested in a VolumeAttributesClass', () => {
  expect(() => parse({ storagePool: 'fast' }, new Set(['onDelete']))).toThrow(
    'mutable_parameters: unknown parameter "storagePool"; expected one of onDelete',
  );
});

test('if nothing can be changed, every parameter is refused', () => {
  const {
    settings: { features },
  } = fakeNode().model;
  expect(() => parseMutableParameters(features, { onDelete: 'retain' })).toThrow('MODIFY_VOLUME');
  expect(parseMutableParameters(features, {})).toEqual({});
});
