import { expect, test } from 'vitest';
import { LineOutput } from '../../../src/observability/line-output.ts';
import { eventually } from '../../support/eventually.ts';

/** An output whose reader accepts only as much as it is allowed to. */
function outputInto(takes: { bytes: number; error?: Error | undefined }) {
  let text = '';
  const output = new LineOutput((bytes) => {
    if (takes.error) throw takes.error;
    const written = Math.min(bytes.length, takes.bytes);
    text += bytes.toString('latin1', 0, written);
    takes.bytes -= written;
    return written;
  });
  return { output, takes, text: () => text };
}

const line = (count: number) => `line ${count} ${'x'.repeat(1000)}\n`;

test('a line is written at once', () => {
  const { output, text } = outputInto({ bytes: Infinity });
  output.write('a\n');
  expect(text()).toBe('a\n');
});

test('lines that cannot be written now are written later, complete and in order', () => {
  const { output, takes, text } = outputInto({ bytes: 3 });
  for (const each of ['first\n', 'second\n']) output.write(each);
  expect(text()).toBe('fir');
  takes.bytes = Infinity;
  output.write('third\n');
  expect(text()).toBe('first\nsecond\nthird\n');
});

test('pending lines are retried without another line', async () => {
  const { output, takes, text } = outputInto({ bytes: 0 });
  output.write('a\n');
  takes.bytes = Infinity;
  await eventually(() => expect(text()).toBe('a\n'));
});

test('beyond a limit lines are dropped, and their number is reported in their place', () => {
  const { output, takes, text } = outputInto({ bytes: 0 });
  output.onDropped = ({ lines, reason }) => output.write(`${lines} dropped: ${reason}\n`);
  const count = 3000;
  for (let number = 0; number < count; number++) output.write(line(number));
  takes.bytes = Infinity;
  output.write('after\n');
  const lines = text().trimEnd().split('\n');
  const dropped = Number(/^(\d+) dropped: the output is blocked$/.exec(lines.at(-2) ?? '')?.[1]);
  expect(lines.at(-1)).toBe('after');
  expect(dropped).toBeGreaterThan(0);
  expect(lines.slice(0, -2).map((each) => `${each}\n`)).toEqual(
    Array.from({ length: count - dropped }, (_, number) => line(number)),
  );
});

test('an error below the limit drops nothing, is not thrown, and is the reported reason for missing lines', () => {
  const { output, takes, text } = outputInto({ bytes: Infinity, error: new Error('ENOSPC') });
  output.onDropped = ({ reason }) => output.write(`dropped: ${reason}\n`);
  output.write('kept\n');
  for (let number = 0; number < 3000; number++) output.write(line(number));
  takes.error = undefined;
  output.write('after\n');
  expect(text()).toMatch(/^kept\nline 0 /);
  expect(text()).toMatch(/\ndropped: ENOSPC\nafter\n$/);
});

test('a line larger than the limit is written when nothing else waits', () => {
  const { output, text } = outputInto({ bytes: Infinity });
  output.write(`${'x'.repeat(3 * 1024 ** 2)}\n`);
  expect(text()).toHaveLength(3 * 1024 ** 2 + 1);
});

test('at the end pending lines are written, with a limited wait for the reader', () => {
  const { output, takes, text } = outputInto({ bytes: 0 });
  output.write('a\n');
  output.flush();
  expect(text()).toBe('');
  takes.bytes = Infinity;
  output.flush();
  expect(text()).toBe('a\n');
});
