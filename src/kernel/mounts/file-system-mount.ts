import { close, constants, open, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { errno, isErrno, KernelError } from '../calls/errno.ts';
import { call, callSync, numberedCall } from '../calls/libc.ts';
import { statusOf } from '../calls/statx.ts';
import type { ImageFileSystem } from '../file-systems/superblock.ts';
import { overridesOf } from '../file-systems/superblock-settings.ts';
import { pollUntil } from '../process/poll-until.ts';

const fsopen = numberedCall('fsopen', 430, ['str', 'uint']);
// One system call, declared three ways; the command decides which pointers must be null.
const fsconfigText = numberedCall('fsconfig', 431, ['int', 'uint', 'str', 'str', 'int']);
const fsconfigFlag = numberedCall('fsconfig', 431, ['int', 'uint', 'str', 'intptr_t', 'int']);
const fsconfigCommand = numberedCall('fsconfig', 431, ['int', 'uint', 'intptr_t', 'intptr_t', 'int']);
const fsmount = numberedCall('fsmount', 432, ['int', 'uint', 'uint']);
const moveMount = numberedCall('move_mount', 429, ['int', 'str', 'int', 'str', 'uint']);

const openAsync = promisify(open);
// Closing the last descriptor of a detached mount writes back all its data.
const closeAsync = promisify(close);

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;

const MESSAGE_BYTES = 4096;
const MESSAGE_LIMIT = 16;

/** A file system on a block device, and its mount options. */
export interface FileSystemSpec {
  /** The path of the device node. */
  readonly device: string;
  readonly fsType: ImageFileSystem;
  /** Options of the file system: `discard`, `commit=5`, `ro`. Missing options are not taken from the superblock. */
  readonly options: readonly string[];
  /** MOUNT_ATTR_* bits (`mountAttr`) of the mount. A new mount has only relatime. */
  readonly attrSet: number;
}

/** The kernel refused to mount a file system. */
export class MountRefusedError extends KernelError {
  /** The kernel's own explanation; empty if it gave none. */
  readonly reason: string;

  constructor(
    { syscall, errno: errorNumber }: KernelError,
    { device, fsType }: FileSystemSpec,
    reason: string,
  ) {
    super(syscall, errorNumber, `${fsType} on ${device}`);
    this.name = 'MountRefused';
    this.reason = reason;
    if (reason !== '') this.message += ` (${reason})`;
  }
}

/**
 * Mounts a file system on an open directory. Its flags apply from the moment it is visible, and no symbolic link can
 * redirect it.
 * @param prepare works on the root of the mount before it is visible to others; if it fails, nothing is mounted
 * @returns the new mount's id
 * @throws MountRefused
 */
export async function mountFileSystem(
  spec: FileSystemSpec,
  targetFd: number,
  prepare: (mountRootFd: number) => Promise<void> = async () => {},
): Promise<number> {
  const mountFd = await makeMount(spec);
  try {
    // First, because a damaged file system may fail to answer; it then stays unmounted.
    const { mountId } = statusOf(mountFd);
    await prepare(mountFd);
    const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    callSync(moveMount, 'target', mountFd, '', targetFd, '', flags);
    return mountId;
  } finally {
    await closeAsync(mountFd);
  }
}

/**
 * Mounts a file system without attaching it to a path, passes the root of the mount (an O_PATH handle) to `use`, and
 * unmounts it. Nothing is left if this process is killed. Resolves when the device is free again.
 * @throws MountRefused; KernelError EBUSY if the file system is also mounted elsewhere, or a file in it is open
 */
export async function withDetachedMount<T>(
  spec: FileSystemSpec,
  use: (mountRootFd: number) => Promise<T>,
): Promise<T> {
  const result = await withSharedMount(spec, use);
  const isFree = await pollUntil(() => isUnclaimed(spec.device));
  if (!isFree) throw new KernelError('close', errno.EBUSY, `the detached mount of ${spec.device}`);
  return result;
}

/**
 * Like `withDetachedMount`, for a file system that may also be mounted elsewhere, with any options: makes another mount
 * of it, which reaches it even if the others are in mount namespaces invisible to this process.
 * @throws MountRefused EBUSY if the others are read-only and this one is not, or the other way round
 */
export async function withSharedMount<T>(
  spec: FileSystemSpec,
  use: (mountRootFd: number) => Promise<T>,
): Promise<T> {
  const mountFd = await makeMount(spec);
  try {
    return await use(mountFd);
  } finally {
    await closeAsync(mountFd);
  }
}

async function makeMount(spec: FileSystemSpec): Promise<number> {
  const options = [...spec.options, ...(await overridesOf(spec.device, spec.fsType, spec.options))];
  const fd = await openFileSystem(spec);
  try {
    setOption(fd, 'source', spec.device);
    for (const option of options) {
      const [key = '', ...value] = option.split('=');
      setOption(fd, key, value.length > 0 ? value.join('=') : undefined);
    }
    // Reads the disk, and replays the journal after a crash.
    await call(fsconfigCommand, spec.device, fd, FSCONFIG_CMD_CREATE, 0, 0, 0);
    return await call(fsmount, spec.device, fd, FSMOUNT_CLOEXEC, spec.attrSet);
  } catch (error) {
    throw error instanceof KernelError ? new MountRefusedError(error, spec, messagesOf(fd)) : error;
  } finally {
    await closeAsync(fd);
  }
}

/** The kernel may have to load a module, or may lack it (ENODEV). */
async function openFileSystem(spec: FileSystemSpec): Promise<number> {
  try {
    return await call(fsopen, spec.fsType, spec.fsType, FSOPEN_CLOEXEC);
  } catch (error) {
    throw error instanceof KernelError ? new MountRefusedError(error, spec, '') : error;
  }
}

function setOption(fd: number, key: string, value: string | undefined): void {
  if (value === undefined) callSync(fsconfigFlag, key, fd, FSCONFIG_SET_FLAG, key, 0, 0);
  else callSync(fsconfigText, key, fd, FSCONFIG_SET_STRING, key, value, 0);
}

// Each read returns one message, prefixed by a letter for its kind, and fails when there are no more. Errors that a
// file system does not report here are only in the kernel log.
function messagesOf(fd: number): string {
  const messages: string[] = [];
  const buffer = Buffer.alloc(MESSAGE_BYTES);
  try {
    while (messages.length < MESSAGE_LIMIT) {
      const length = readSync(fd, buffer);
      messages.push(buffer.toString('utf8', 2, length).trim());
    }
  } catch (error) {
    if (!isErrno(error, errno.ENODATA)) throw error;
  }
  return messages.join('; ');
}

/** Whether no file system on a device is mounted, in any mount namespace, and no program is repairing one. */
export async function isUnclaimed(device: string): Promise<boolean> {
  try {
    // Mounts and repair programs open the device exclusively.
    await closeAsync(await openAsync(device, constants.O_RDONLY | constants.O_EXCL));
    return true;
  } catch (error) {
    if (isErrno(error, errno.EBUSY)) return false;
    throw error;
  }
}
