import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { errno, isErrno } from '../calls/errno.ts';

/** A loop device. */
export interface LoopDevice {
  /** The path of its node, `/dev/loop3`. */
  readonly path: string;
  /** Its device number as in statx(2), `7:3`. */
  readonly number: string;
}

/** A loop device and the path of its backing file, which may have changed since. */
export interface AttachedLoop extends LoopDevice {
  /**
   * Not valid for a removed file. If the mount namespace in which the file was attached has ended, or its disk was unmounted,
   * only the end of the path. Empty if it is longer than the kernel shows.
   */
  readonly backingPath: string;
  readonly isBackingRemoved: boolean;
}

/**
 * All loop devices with a backing file. sysfs answers from memory without asking the file's file system, so it is read
 * on this thread.
 */
export function listLoops(): AttachedLoop[] {
  return readdirSync('/sys/block')
    .filter((name) => /^loop\d+$/.test(name) && isLoopAttached(name))
    .flatMap((name) => attachedLoop(name) ?? []);
}

/**
 * The last directory and the name of a path, which the kernel shows in any mount namespace. The directory of an image has the
 * id of its volume, so no two share it.
 */
export function endOf(path: string): string {
  return path.split('/').slice(-2).join('/');
}

/** Whether a loop device, given by name (`loop3`), has a backing file. */
export function isLoopAttached(name: string): boolean {
  // The directory exists while a file is attached.
  return existsSync(`/sys/block/${name}/loop`);
}

function attachedLoop(name: string): AttachedLoop | undefined {
  try {
    const backingPath = backingPathOf(name);
    return {
      ...loopNamed(name),
      backingPath: backingPath.replace(/ \(deleted\)$/, ''),
      isBackingRemoved: backingPath.endsWith(' (deleted)'),
    };
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENXIO, errno.ENODEV)) return undefined;
    throw error;
  }
}

function backingPathOf(name: string): string {
  try {
    return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').replace(/\n$/, '');
  } catch (error) {
    if (isErrno(error, errno.ENAMETOOLONG)) return '';
    throw error;
  }
}

/** Whether a loop device, given by name (`loop3`), has a backing file and detaches it on the last close or unmount. */
export function hasAutoclear(name: string): boolean {
  return isSet(name, 'loop/autoclear');
}

/** Whether a loop device, given by name (`loop3`), refuses writes; also after it has lost its backing file. */
export function isLoopReadOnly(name: string): boolean {
  return isSet(name, 'ro');
}

/** Whether an attribute is 1; false if the device does not have it. */
function isSet(name: string, attribute: string): boolean {
  try {
    return readFileSync(`/sys/block/${name}/${attribute}`, 'utf8').trim() === '1';
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENXIO, errno.ENODEV)) return false;
    throw error;
  }
}

/** The loop device with a name (`loop3`). @throws a node:fs error: ENOENT: no such device */
export function loopNamed(name: string): LoopDevice {
  return { path: `/dev/${name}`, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
}
