import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from '../../../src/backends/shell-word.ts';

test.each(['/srv/pool-1/volumes/a_b.c/data', "it's $HOME", '', 'a b', '`id`', 'a\nb', '*', '-n;', '"\\'])(
  'a shell reads %j unchanged, as one word',
  (text) => {
    const printed = execFileSync('sh', ['-c', `printf '[%s]' ${shellWord(text)}`], { encoding: 'utf8' });
    expect(printed).toBe(`[${text}]`);
  },
);

test('text that needs no quotes gets none', () => {
  expect(shellWord('/srv/pool/volumes/a-1/data')).toBe('/srv/pool/volumes/a-1/data');
});
