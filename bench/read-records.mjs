// Reads and parses every record of a pool with plain Node, and prints how many there are and the milliseconds that it took.
//
//   node bench/read-records.mjs POOL
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const [pool] = process.argv.slice(2);
const startedAt = performance.now();
let count = 0;
for (const [kind, name] of [
  ['volumes', 'volume.json'],
  ['snapshots', 'snapshot.json'],
]) {
  const directory = join(pool, kind);
  const objects = await readdir(directory);
  const records = await Promise.all(objects.map((object) => readFile(join(directory, object, name), 'utf8')));
  count += records.map((text) => JSON.parse(text)).length;
}
console.log(JSON.stringify({ count, ms: performance.now() - startedAt }));
