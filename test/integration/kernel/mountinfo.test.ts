import { execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readMountinfo } from '../../../src/kernel/mounts/mountinfo.ts';
import { bind } from '../../support/bind.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const names = {
  'a space': 'two words',
  'spaces at its ends': ' both ends ',
  'a tab': 'tab\there',
  'a line break': 'line\nbreak',
  'a backslash': 'back\\slash',
  'the digits of an escape': 'not\\040a space',
  'a hash': '#hash',
  'a dash between spaces, as ends the optional fields': 'a - b',
  'letters of other scripts': 'größe-容量',
  'an emoji': '\u{1F4BE}',
};

test.each(Object.entries(names))('a path and a root with %s are read correctly', async (_, name) => {
  const directory = scratchDirectory();
  const [source, target] = [join(directory, 'source', name), join(directory, 'target', name)];
  mkdirSync(source, { recursive: true });
  mkdirSync(target, { recursive: true });
  const mountId = await bind(source, target);
  const entry = readMountinfo().find((each) => each.mountId === mountId);
  expect(entry?.path).toBe(target);
  expect(entry?.root.endsWith(source.slice('/tmp'.length))).toBe(true);
});

test('a path that is not UTF-8 does not hide other mounts', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'source'));
  mkdirSync(join(directory, 'target'));
  // Arguments of a process can contain such bytes only through the shell.
  const inShell = (command: string) =>
    execFileSync('sh', ['-c', `odd="$(printf 'odd-\\377')"; ${command}`], { cwd: directory });
  inShell('mkdir "$odd" && mount --bind source "$odd"');
  onTestFinished(() => void inShell('umount "$odd"'));
  const mountId = await bind(join(directory, 'source'), join(directory, 'target'));
  const entries = readMountinfo();
  expect(entries.find((entry) => entry.mountId === mountId)?.path).toBe(join(directory, 'target'));
  expect(entries.filter((entry) => entry.path.startsWith(`${directory}/odd-`))).toHaveLength(1);
});

test('a mount whose source has been removed is still listed', async () => {
  const directory = scratchDirectory();
  mkdirSync(join(directory, 'source'));
  mkdirSync(join(directory, 'target'));
  const mountId = await bind(join(directory, 'source'), join(directory, 'target'));
  rmdirSync(join(directory, 'source'));
  expect(readMountinfo().find((entry) => entry.mountId === mountId)?.path).toBe(join(directory, 'target'));
});
