import { expect, test } from 'vitest';
import { pagesWithHostCommands, runHostCommands } from '../support/host-commands.ts';
import { scratchDirectory } from '../support/scratch.ts';

test.each(pagesWithHostCommands(true))('the commands of %s work', async (path) => {
  const directory = scratchDirectory();
  const output = await runHostCommands(path, [
    ['/tmp/', `${directory}/`],
    ['npm start', `npm start -- --endpoint=unix://${directory}/csi.sock --statedir=${directory}/state`],
  ]);
  expect(output).toContain('"volumeId"');
  expect(output).toMatch(/^hello$/m);
});
