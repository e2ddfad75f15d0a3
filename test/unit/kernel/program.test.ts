import { expect, test } from 'vitest';
import { programPath, runProgram } from '../../../src/kernel/process/program.ts';

test('a program gets its arguments unchanged, and returns its output', async () => {
  expect(await runProgram('printf', ['%s|', '$HOME', 'a b', '*'])).toEqual({
    stdout: '$HOME|a b|*|',
    stderr: '',
  });
});

test('a program gets only PATH from the environment', async () => {
  const { stdout } = await runProgram('env', []);
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split('=')[0]);
  expect(names.sort()).toEqual(['LC_ALL', 'PATH']);
});

test('a failure names the program, its exit code and its output', async () => {
  const failure = runProgram('sh', ['-c', 'echo the reason >&2; exit 3']);
  await expect(failure).rejects.toMatchObject({
    message: 'sh ended with exit code 3: the reason',
    exitCode: 3,
  });
});

test('an accepted exit code is not a failure', async () => {
  expect(await runProgram('sh', ['-c', 'echo mended; exit 1'], [0, 1])).toEqual({
    stdout: 'mended\n',
    stderr: '',
  });
});

test('a killed program is a failure', async () => {
  await expect(runProgram('sh', ['-c', 'kill -9 $$'], [0, 1])).rejects.toMatchObject({
    message: 'sh did not finish: SIGKILL',
    exitCode: undefined,
  });
});

test('a program that is not installed is reported as such', async () => {
  expect(programPath('no-such-program')).toBeUndefined();
  await expect(runProgram('no-such-program', [])).rejects.toThrow('no-such-program is not installed');
});

test('a program is found by its name', () => {
  expect(programPath('sh')).toMatch(/^\/.*\/sh$/);
});
