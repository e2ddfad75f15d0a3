import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { Random } from '../support/random.ts';

/** One way to damage a file. */
export interface Damage {
  readonly name: string;
  /** Puts something at the path of a file that was moved away. */
  apply(path: string, original: string): void;
}

const FUTURE_VERSION = 99;
const VERSION = /"formatVersion": \d+/;
// Larger files are content, of which a few places are enough.
const LARGEST_RECORD_BYTES = 64 * 1024;
const PLACES = 64;

/** Everything that can be at the path of the file instead. */
function replacements(elsewhere: string): Damage[] {
  return [
    { name: 'removed', apply: () => {} },
    { name: 'replaced by a directory', apply: (path) => mkdirSync(path) },
    { name: 'replaced by a link to another file', apply: (path) => symlinkSync(elsewhere, path) },
    { name: 'replaced by a link to a copy', apply: linkToCopy },
    { name: 'replaced by a link to itself', apply: (path) => symlinkSync(path, path) },
    { name: 'replaced by a FIFO', apply: (path) => void execFileSync('mkfifo', [path]) },
  ];
}

function linkToCopy(path: string, original: string): void {
  copyFileSync(original, `${elsewhereOf(original)}`, constants.COPYFILE_FICLONE);
  symlinkSync(elsewhereOf(original), path);
}

function elsewhereOf(original: string): string {
  return `${original}.copy`;
}

/** Changes of the file's content, as far as they change anything. */
function changes(file: string): Damage[] {
  const sizeBytes = statSync(file).size;
  const made: Damage[] = [];
  if (sizeBytes > 0) made.push({ name: 'emptied', apply: (path) => writeFileSync(path, '') });
  if (sizeBytes > 0 && hasData(file)) {
    made.push({
      name: 'full of zeros',
      apply(path) {
        writeFileSync(path, '');
        truncateSync(path, sizeBytes);
      },
    });
  }
  if (sizeBytes < LARGEST_RECORD_BYTES && VERSION.test(readFileSync(file, 'utf8'))) {
    made.push({
      name: 'of a future version',
      apply: (path, original) =>
        writeFileSync(
          path,
          readFileSync(original, 'utf8').replace(VERSION, `"formatVersion": ${FUTURE_VERSION}`),
        ),
    });
  }
  return made;
}

/** The file cut at every length, and with a flipped bit in every byte; at some places of a large file. */
function tears(file: string, random: Random): Damage[] {
  const sizeBytes = statSync(file).size;
  const places = Array.from({ length: Math.min(sizeBytes, LARGEST_RECORD_BYTES) }, (_, place) => place);
  const isRecord = sizeBytes < LARGEST_RECORD_BYTES;
  const chosen = isRecord ? places : places.slice(0, PLACES).map(() => random.below(sizeBytes));
  return chosen.flatMap((place) => [
    {
      name: `cut to ${place} of ${sizeBytes} bytes`,
      apply: (path, original) => {
        copyFileSync(original, path, constants.COPYFILE_FICLONE);
        truncateSync(path, place);
      },
    },
    flip(place, random.below(8)),
  ]);
}

function flip(place: number, bit: number): Damage {
  return {
    name: `with bit ${bit} of byte ${place} flipped`,
    apply(path, original) {
      copyFileSync(original, path, constants.COPYFILE_FICLONE);
      const fd = openSync(path, 'r+');
      const byte = Buffer.alloc(1);
      readSync(fd, byte, { position: place });
      writeSync(fd, Buffer.of(byte.readUInt8() ^ (1 << bit)), 0, 1, place);
      closeSync(fd);
    },
  };
}

function hasData(file: string): boolean {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, LARGEST_RECORD_BYTES));
    readSync(fd, bytes);
    return bytes.some((byte) => byte !== 0);
  } finally {
    closeSync(fd);
  }
}

/**
 * The ways to damage a file, in a random order, the cuts and flipped bits between the others.
 * @param elsewhere another file, which must stay as it is
 */
export function damagesOf(file: string, elsewhere: string, random: Random): Damage[] {
  const whole = random.sample([...changes(file), ...replacements(elsewhere)], Infinity);
  const torn = random.sample(tears(file, random), Infinity);
  const mixed: Damage[] = [];
  for (let index = 0; index < Math.max(whole.length, torn.length); index++) {
    mixed.push(...[whole[index], torn[index]].filter((damage) => damage !== undefined));
  }
  return mixed;
}
