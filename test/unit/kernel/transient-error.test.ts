import { expect, test } from 'vitest';
import { isResourceShortage, isTransient, retry } from '../../../src/kernel/calls/transient-error.ts';
import { systemError } from '../model/fakes/system-error.ts';

/** Fails with these errors, one after the other, and then answers. */
function failing(...codes: Parameters<typeof systemError>[0][]) {
  const errors = codes.map((code) => systemError(code));
  let calls = 0;
  const work = async () => {
    const error = errors[calls++];
    if (error) throw error;
    return 'answer';
  };
  return { work, errors, callCount: () => calls };
}

const atOnce = async () => {};

test('passing errors are retried until the operation succeeds', async () => {
  const { work, callCount } = failing('EMFILE', 'ENOMEM', 'EIO', 'EINTR');
  expect(await retry(work, isTransient, atOnce)).toBe('answer');
  expect(callCount()).toBe(5);
});

test('retries end with the last error', async () => {
  const { work, errors, callCount } = failing(...Array<'EMFILE'>(20).fill('EMFILE'));
  await expect(retry(work, isTransient, atOnce)).rejects.toBe(errors[5]);
  expect(callCount()).toBe(6);
});

test('an error with a clear cause is reported at once', async () => {
  const { work, errors, callCount } = failing('EMFILE', 'ENOENT');
  await expect(retry(work, isTransient, atOnce)).rejects.toBe(errors[1]);
  expect(callCount()).toBe(2);
});

test('a disk that does not respond is not a passing error', () => {
  expect(isResourceShortage(systemError('EIO'))).toBe(false);
  expect(isTransient(systemError('EIO'))).toBe(true);
  expect(isTransient(new Error('of another kind'))).toBe(false);
});
