import { expect, test } from 'vitest';
import type { Features } from '../../../src/model/state/model.ts';
import { parseMutableParameters } from '../../../src/services/mutable-parameters.ts';
import { fakeNode } from '../model/fakes/model.ts';

function parse(
  parameters: Record<string, string>,
  mutableParameters: Features['mutableParameters'] = new Set(['onDelete', 'inodeLimit']),
) {
  return parseMutableParameters(fakeNode({ features: { mutableParameters } }).model.features, parameters);
}

test.each([
  [{}, {}],
  [{ onDelete: 'retain' }, { onDelete: 'retain' }],
  [{ onDelete: 'delete' }, { onDelete: 'delete' }],
  [{ inodeLimit: '1' }, { inodeLimit: 1n }],
  [{ inodeLimit: '9223372036854775807' }, { inodeLimit: 2n ** 63n - 1n }],
  [{ inodeLimit: 'default' }, { inodeLimit: undefined }],
  [
    { onDelete: 'retain', inodeLimit: '5000' },
    { onDelete: 'retain', inodeLimit: 5000n },
  ],
])('what is named is taken, and nothing else: %j', (parameters: Record<string, string>, parsed) => {
  expect(parse(parameters)).toStrictEqual(parsed);
});

test('what Kubernetes adds of its own is passed over', () => {
  const ofKubernetes = { 'csi.storage.k8s.io/pvc/name': 'claim' };
  expect(parse({ ...ofKubernetes, onDelete: 'retain' })).toStrictEqual({ onDelete: 'retain' });
  expect(parse(ofKubernetes)).toStrictEqual({});
  expect(parseMutableParameters(fakeNode().model.features, ofKubernetes)).toStrictEqual({});
});

test('what is accepted and means nothing here is taken as it is, beside what does', () => {
  const accepted = new Set(['iops', 'onDelete', 'constructor']);
  const given = { iops: '', onDelete: 'retain', constructor: 'x' } as unknown as Record<string, string>;
  expect(parse(given, accepted)).toStrictEqual({
    onDelete: 'retain',
    opaque: { iops: '', constructor: 'x' },
  });
});

test.each([
  [
    'mutable_parameters: unknown parameter "colour"; expected one of onDelete, inodeLimit',
    { colour: 'blue' },
  ],
  ['mutable_parameters: unknown parameter "OnDelete"; did you mean onDelete?', { OnDelete: 'retain' }],
  ['mutable_parameters.onDelete: "burn" is none of delete, retain', { onDelete: 'burn' }],
  ['mutable_parameters.onDelete: ""', { onDelete: '' }],
  ['mutable_parameters.inodeLimit: "0" is neither', { inodeLimit: '0' }],
  ['mutable_parameters.inodeLimit: "-1"', { inodeLimit: '-1' }],
  ['mutable_parameters.inodeLimit: "1e6"', { inodeLimit: '1e6' }],
  ['mutable_parameters.inodeLimit: "9223372036854775808"', { inodeLimit: '9223372036854775808' }],
  ['mutable_parameters.inodeLimit: ""', { inodeLimit: '' }],
])('%s', (message, parameters: Record<string, string>) => {
  expect(() => parse(parameters)).toThrow(message);
});

test('one that the driver was told not to take is refused', () => {
  expect(() => parse({ inodeLimit: '5' }, new Set(['onDelete']))).toThrow(
    'mutable_parameters: unknown parameter "inodeLimit"; expected one of onDelete',
  );
  expect(() => parse({ onDelete: 'retain' }, new Set())).toThrow('none is expected');
});

test('where nothing can be changed, any is refused', () => {
  const { features } = fakeNode().model;
  expect(() => parseMutableParameters(features, { onDelete: 'retain' })).toThrow('MODIFY_VOLUME');
  expect(parseMutableParameters(features, {})).toEqual({});
});
