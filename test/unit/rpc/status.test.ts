import { status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { VolumeError, type VolumeErrorKind } from '../../../src/model/errors.ts';
import { codeName, statusOf } from '../../../src/rpc/status.ts';

const codes: Record<VolumeErrorKind, keyof typeof status> = {
  invalid: 'INVALID_ARGUMENT',
  'not-found': 'NOT_FOUND',
  'already-exists': 'ALREADY_EXISTS',
  'out-of-range': 'OUT_OF_RANGE',
  exhausted: 'RESOURCE_EXHAUSTED',
  precondition: 'FAILED_PRECONDITION',
  aborted: 'ABORTED',
  cancelled: 'CANCELLED',
  unavailable: 'UNAVAILABLE',
  unauthenticated: 'UNAUTHENTICATED',
  damaged: 'INTERNAL',
  unimplemented: 'UNIMPLEMENTED',
};

test.each(Object.entries(codes))('%s answers %s with the sentence of the error', (kind, code) => {
  const error = new VolumeError(kind as VolumeErrorKind, 'volume_id is required');
  expect(statusOf(error)).toEqual({ code: status[code], details: 'volume_id is required' });
});

test.each([
  new Error('secret detail'),
  Object.assign(new Error('secret detail'), { code: status.NOT_FOUND, details: 'secret detail' }),
  'secret detail',
  undefined,
  null,
])('an internal error answers INTERNAL, with its text only in the log: %s', (error) => {
  const { code, details } = statusOf(error);
  expect(code).toBe(status.INTERNAL);
  expect(details).not.toContain('secret');
});

test('a sentence too long for the reply headers is cut, because otherwise no reply would arrive', () => {
  const { code, details } = statusOf(new VolumeError('invalid', 'é'.repeat(100_000)));
  expect(code).toBe(status.INVALID_ARGUMENT);
  expect(Buffer.byteLength(details)).toBeLessThanOrEqual(1000);
  expect(details).toMatch(/^é+…$/);
});

test('a code is shown by its name', () => {
  expect(codeName(status.NOT_FOUND)).toBe('NOT_FOUND');
});
