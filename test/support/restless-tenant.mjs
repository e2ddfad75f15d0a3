// node restless-tenant.mjs DIRECTORY OUTSIDE SEED: moves, replaces, links, truncates and grows files and directories in a
// directory, and swaps them for symbolic links to what is outside, until its standard input closes. Writes `ready` first.
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

const [directory, outside, seed] = process.argv.slice(2);
const COUNT = 60;
const LARGEST_BYTES = 64 * 1024;

// It stays in the directory wherever that is moved.
process.chdir(directory);
let state = Number(seed) >>> 0;
const below = (limit) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};
const file = () => `${below(2) ? '' : `d${below(COUNT)}/`}f${below(COUNT)}`;
const inner = () => `d${below(COUNT)}`;
const targets = [outside, `${outside}/inner`, `${outside}/inner/file`, '..', '/proc/self/root', inner()];

const actions = [
  () => renameSync(file(), file()),
  () => renameSync(inner(), `${inner()}/moved`),
  () => renameSync(`${inner()}/moved`, inner()),
  () => swap(inner()),
  () => swap(file()),
  () => truncateSync(`f${below(COUNT)}`, below(LARGEST_BYTES)),
  () => appendFileSync(`f${below(COUNT)}`, 'more'.repeat(below(1000)), { flag: 'r+' }),
  () => unlinkSync(file()),
  () => writeFileSync(`f${below(COUNT)}`, 'own', { flag: 'wx' }),
  () => writeFileSync(`${inner()}/f${below(COUNT)}`, 'own', { flag: 'wx' }),
  () => linkSync(file(), file()),
  () => mkdirSync(`${inner()}/d${below(COUNT)}`),
  () => rmdirSync(`${inner()}/d${below(COUNT)}`),
  () => mkdirSync(inner()),
];

function swap(name) {
  renameSync(name, 'aside');
  try {
    symlinkSync(targets[below(targets.length)], name);
    renameSync(name, `link${below(COUNT)}`);
  } finally {
    renameSync('aside', name);
  }
}

function attempt(action) {
  try {
    action();
  } catch {
    // The names are random: half of the actions find nothing to work on.
  }
}

for (let name = 0; name < COUNT; name++) {
  attempt(() => mkdirSync(`d${name}`));
  attempt(() => writeFileSync(`f${name}`, 'own'));
}
writeSync(1, 'ready\n');
let isOver = false;
process.stdin
  .on('end', () => {
    isOver = true;
  })
  .resume();
(function work() {
  for (let round = 0; round < 100; round++) attempt(actions[below(actions.length)]);
  if (!isOver) setImmediate(work);
})();
