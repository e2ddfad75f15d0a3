import { expect, test } from 'vitest';
import { feedProgram, programOutput } from '../../../src/kernel/process/program-stream.ts';

const going = new AbortController().signal;

async function outputOf(script: string, signal = going): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const bytes of programOutput('sh', ['-c', script], signal)) chunks.push(bytes);
  return Buffer.concat(chunks).toString();
}

async function* source(chunks: readonly string[], onEnd = () => {}) {
  for (const chunk of chunks) yield Buffer.from(chunk);
  onEnd();
}

test('the output of a program is read to its end', async () => {
  expect(await outputOf('printf "%s" "$LC_ALL $TAR_OPTIONS"')).toBe('C ');
  expect((await outputOf('head --bytes=1000000 /dev/zero')).length).toBe(1_000_000);
});

test.each([
  ['echo why >&2; exit 3', 'sh ended with exit code 3: why'],
  ['echo careful >&2', 'sh warned: careful'],
  ['kill -9 $$', 'sh did not finish: '],
])('%j fails with its reason, for readers and for writers', async (script, message) => {
  await expect(outputOf(script)).rejects.toMatchObject({ name: 'ProgramError', message });
  await expect(feedProgram('sh', ['-c', script], source(['x']), going)).rejects.toMatchObject({ message });
});

test('a program may have had enough before the end; the source is still read to its end', async () => {
  let isRead = false;
  const chunks = Array.from({ length: 40 }, () => 'x'.repeat(100_000));
  await feedProgram(
    'sh',
    ['-c', 'exec <&-; exit 0'],
    source(chunks, () => {
      isRead = true;
    }),
    going,
  );
  expect(isRead).toBe(true);
});

test('the error of a source is passed on, and ends the program', async () => {
  async function* failing() {
    yield Buffer.from('x');
    throw new Error('cut short');
  }
  await expect(feedProgram('sleep', ['3600'], failing(), going)).rejects.toThrow('cut short');
});

test('a program is ended with its signal', async () => {
  const stopped = new AbortController();
  const reading = outputOf('echo; exec sleep 3600', stopped.signal);
  stopped.abort(new Error('enough'));
  await expect(reading).rejects.toThrow('enough');
});

test('a program that is not installed is named', async () => {
  await expect(feedProgram('no-such-program', [], source([]), going)).rejects.toThrow(
    'no-such-program is not installed',
  );
});
