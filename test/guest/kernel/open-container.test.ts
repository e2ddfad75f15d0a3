import { execFileSync } from 'node:child_process';
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { attachLoop } from '../../../src/kernel/devices/loop.ts';
import { containerOn, withContainer } from '../../../src/kernel/devices/open-container.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const passphrase = Buffer.from('correct horse battery staple');
const ROUNDS = 20;

test('a container is there or not, also while the kernel closes it', async () => {
  const image = join(scratchDirectory(), 'image');
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 ** 2);
  const cheap = ['--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000'];
  execFileSync('cryptsetup', ['--batch-mode', 'luksFormat', ...cheap, image, '-'], { input: passphrase });
  const imageFd = openSync(image, 'r+');
  const { device, fd } = await attachLoop(imageFd, { autoclear: true });
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const key = { key: passphrase, allowsDiscards: false };
      await withContainer(device.path, image, key, async (mapping) => {
        expect(containerOn(device.path, image)).toEqual(mapping);
      });
      while (containerOn(device.path, image) !== undefined) await setImmediate();
    }
  } finally {
    closeSync(fd);
    closeSync(imageFd);
  }
});
