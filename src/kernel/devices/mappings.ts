import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { errno, isErrno } from '../calls/errno.ts';
import { type LoopDevice, loopNamed } from './loop-list.ts';

/** A device of the device mapper that decrypts another one. */
export interface Mapping {
  /** The path of its node, `/dev/dm-0`. */
  readonly path: string;
  /** Its device number as in statx(2), `253:0`. */
  readonly number: string;
  /** Its name, by which programs refer to it. */
  readonly name: string;
}

// The prefix of the identifiers that cryptsetup gives to devices.
const LUKS2 = 'CRYPT-LUKS2-';

/**
 * The opened LUKS2 container with a name on a device, given by its path; undefined if there is none. One with another name belongs
 * to another program. sysfs answers from memory.
 */
export function mappingOn(device: string, name: string): Mapping | undefined {
  const holders = entriesOf(`/sys/class/block/${basename(device)}/holders`);
  return holders.flatMap((holder) => readMapping(holder) ?? []).find((mapping) => mapping.name === name);
}

/** The opened container with this name, on whatever device; undefined if there is none. */
export function mappingNamed(name: string): Mapping | undefined {
  const kernelNames = entriesOf('/sys/class/block').filter((each) => /^dm-\d+$/.test(each));
  return kernelNames.flatMap((each) => readMapping(each) ?? []).find((mapping) => mapping.name === name);
}

/** The loop device under an opened container, by the path of its node; undefined if it is not one. */
export function loopUnder(path: string): LoopDevice | undefined {
  const name = basename(path);
  if (!/^dm-\d+$/.test(name)) return undefined;
  const [under] = entriesOf(`/sys/class/block/${name}/slaves`);
  if (under === undefined) return undefined;
  try {
    return loopNamed(under);
  } catch (error) {
    return undefinedIfGone(error);
  }
}

function readMapping(kernelName: string): Mapping | undefined {
  const directory = `/sys/class/block/${kernelName}`;
  try {
    if (!readText(`${directory}/dm/uuid`).startsWith(LUKS2)) return undefined;
    return {
      path: `/dev/${kernelName}`,
      number: readText(`${directory}/dev`),
      name: readText(`${directory}/dm/name`),
    };
  } catch (error) {
    return undefinedIfGone(error);
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    return undefinedIfGone(error) ?? [];
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8').trim();
}

// EINVAL is the device mapper's answer to who reads about a device that is being removed.
const goneNumbers = [errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EINVAL];

/** The device was closed in between. */
function undefinedIfGone(error: unknown): undefined {
  if (isErrno(error, ...goneNumbers)) return undefined;
  throw error;
}
