import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { errno, isErrno } from '../calls/errno.ts';

/** A loop device. */
export interface LoopDevice {
  /** Its node, `/dev/loop3`. */
  readonly path: string;
  /** Its number as statx(2) shows it, `7:3`. */
  readonly number: string;
}

/** A loop device with the file it is attached to, by a path that may have changed since. */
export interface AttachedLoop extends LoopDevice {
  /**
   * As seen from this process; of a file in another mount namespace, or a removed one, it leads nowhere. Empty where it is
   * longer than the kernel shows.
   */
  readonly backingPath: string;
  readonly isBackingRemoved: boolean;
}

/**
 * Every loop device that has a file. What sysfs tells is in memory, and the file itself is not asked, so it is read on this
 * thread.
 */
export function listLoops(): AttachedLoop[] {
  return readdirSync('/sys/block')
    .filter((name) => /^loop\d+$/.test(name) && isAttached(name))
    .flatMap((name) => attachedLoop(name) ?? []);
}

/** Whether the device that is called `loop3` has a file. */
export function isAttached(name: string): boolean {
  // The directory is there while a file is attached.
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

/** Whether the device that is called `loop3` has a file, and loses it as soon as nobody has it open or mounted. */
export function goesWhenClosed(name: string): boolean {
  try {
    return readFileSync(`/sys/block/${name}/loop/autoclear`, 'utf8').trim() === '1';
  } catch (error) {
    if (isErrno(error, errno.ENOENT, errno.ENXIO, errno.ENODEV)) return false;
    throw error;
  }
}

/** The device that is called `loop3`. @throws a node:fs error: ENOENT: there is none */
export function loopNamed(name: string): LoopDevice {
  return { path: `/dev/${name}`, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
}
