import { expect, test } from 'vitest';
import { LineOutput } from '../../../src/observability/line-output.ts';
import { createLogger, type Logger } from '../../../src/observability/logger.ts';

/** The output of a logger for people. */
async function written(log: (logger: Logger) => void): Promise<string> {
  const lines: string[] = [];
  const output = new LineOutput((bytes) => lines.push(bytes.toString()) && bytes.length);
  log(await createLogger({ verbosity: 5, format: 'pretty' }, output));
  return lines.join('');
}

const hostile = 'a\n[12:00:00.000] INFO: volume deleted\u001b[2K\r\u0085\u2028\u202e';

test.each([
  ['a message', (logger: Logger) => logger.info(`volume ${hostile}`)],
  ['a field', (logger: Logger) => logger.info({ name: hostile }, 'called')],
  ['a field of a field', (logger: Logger) => logger.info({ call: { [hostile]: hostile } }, 'called')],
])('%s with line breaks and control characters is one line', async (_, log) => {
  const text = await written(log);
  expect(text.endsWith('\n')).toBe(true);
  expect(text.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  expect(text).toContain('volume deleted');
});

test('an error keeps the lines of its stack, and its message is one line', async () => {
  const text = await written((logger) => logger.error({ err: new Error(hostile) }, 'failed'));
  expect(text).toMatch(/\n +at .*printable\.test\.ts/);
  expect(text.split('\n').filter((line) => /^\[/.test(line))).toHaveLength(1);
  expect(text).not.toContain('\u001b');
});

test('tabs, quotes and other letters stay readable', async () => {
  const text = await written((logger) => logger.info({ name: 'a\tb "c" é 💾' }, 'called'));
  expect(text).toContain('é 💾');
  expect(text).toContain('a\\tb');
});
