import { expect, test } from 'vitest';
import { isPassing, isScarcity, retried } from '../../../src/kernel/calls/passing-error.ts';
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

test('what fails with passing errors is done again until it works', async () => {
  const { work, callCount } = failing('EMFILE', 'ENOMEM', 'EIO', 'EINTR');
  expect(await retried(work, isPassing, atOnce)).toBe('answer');
  expect(callCount()).toBe(5);
});

test('it is given up at last, with the last error', async () => {
  const { work, errors, callCount } = failing(...Array<'EMFILE'>(20).fill('EMFILE'));
  await expect(retried(work, isPassing, atOnce)).rejects.toBe(errors[5]);
  expect(callCount()).toBe(6);
});

test('an error that says what is wrong is told at once', async () => {
  const { work, errors, callCount } = failing('EMFILE', 'ENOENT');
  await expect(retried(work, isPassing, atOnce)).rejects.toBe(errors[1]);
  expect(callCount()).toBe(2);
});

test('a disk that does not answer is no scarcity', () => {
  expect(isScarcity(systemError('EIO'))).toBe(false);
  expect(isPassing(systemError('EIO'))).toBe(true);
  expect(isPassing(new Error('of another kind'))).toBe(false);
});
