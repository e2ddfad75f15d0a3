import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDescriptor, withDescriptor, writeText } from '../../kernel/calls/descriptor.ts';
import { diskFaultOf } from '../../kernel/calls/disk-fault.ts';
import { errno, isErrno, KernelError } from '../../kernel/calls/errno.ts';
import { withPath } from '../../kernel/calls/path-handle.ts';
import { fileSystemOf } from '../../kernel/calls/statfs.ts';
import { luksObstacle } from '../../kernel/devices/luks.ts';
import { minimumGrownBytes } from '../../kernel/file-systems/grow-file-system.ts';
import { allocateAll } from '../../kernel/files/sparse-file.ts';
import { MountRefusedError } from '../../kernel/mounts/file-system-mount.ts';
import { ProgramError } from '../../kernel/process/program.ts';
import { fileSystemOn, fileSystemState, mountRefusalReason } from '../../kernel/workers/file-tasks.ts';
import { VolumeError } from '../../model/errors.ts';
import type { FsckMode } from '../../model/objects/volume.ts';
import type {
  Device,
  FileSystemFault,
  ImageContents,
  ImageFormat,
  ImageFormatter,
} from '../../model/ports/devices-port.ts';
import type { FileSystemType } from '../../model/requests/file-system-options.ts';
import { formatImage, syncFormatted } from './format.ts';
import { availableFileSystems, minimumBytes } from './mkfs.ts';
import { prepareFileSystem } from './prepare-file-system.ts';

const PROBE_BYTES = 64 * 1024;
// More than any mkfs initially writes.
const FORMAT_SPACE_BYTES = 128n * 1024n ** 2n;

/** The ImageFormatter port, by the installed mkfs programs. */
export class KernelFormatter implements ImageFormatter {
  readonly fileSystems = availableFileSystems();
  readonly minimumBytes = minimumBytes;
  readonly minimumGrownBytes = minimumGrownBytes;

  encryptionObstacle(): string | undefined {
    return luksObstacle();
  }

  async inspect(path: string): Promise<ImageContents> {
    await syncFormatted(path);
    return fileSystemOn(path);
  }

  async format(path: string, format: ImageFormat): Promise<void> {
    try {
      await formatImage(path, format);
    } catch (error) {
      throw await formatError(path, error);
    }
  }

  async faultOf(path: string): Promise<FileSystemFault | undefined> {
    const state = await fileSystemState(path);
    if (!state) return undefined;
    const { fsType, sizeBytes: fileSystemBytes, imageBytes: sizeBytes, errors } = state;
    if (fileSystemBytes > sizeBytes) return { kind: 'cut off', fileSystemBytes, sizeBytes };
    return errors === undefined ? undefined : { kind: 'errors', fsType, errors };
  }

  mountRefusalReason(path: string): Promise<string | undefined> {
    return mountRefusalReason(path);
  }

  prepare(image: string, device: Device, fsType: FileSystemType, mode?: FsckMode): Promise<void> {
    return prepareFileSystem(image, device.path, fsType, mode);
  }

  allocate(image: string): Promise<void> {
    return allocateAll(image);
  }

  async checkDisk(image: string): Promise<void> {
    const refusal = await writeErrorAt(image);
    if (refusal !== undefined) throw refusal;
  }
}

/**
 * Why an image was not formatted. A failed program gives no error number, a mount on a failing disk any number, and a file
 * system on a full disk fails with I/O errors; so the disk is tested.
 */
async function formatError(path: string, error: unknown): Promise<unknown> {
  if (error instanceof VolumeError) return error;
  if (isErrno(error, errno.EBUSY)) {
    const message = `cannot format ${path}: another program has opened its device; retry the call`;
    return new VolumeError('aborted', message, { cause: error });
  }
  const fault = diskFaultOf(error)?.kind;
  const isUnclear = error instanceof ProgramError || error instanceof MountRefusedError;
  if (!isUnclear && fault !== 'failing' && fault !== 'damaged') return error;
  const refusal = await writeErrorAt(path);
  if (refusal !== undefined) return refusal;
  const { availableBytes } = await withPath(dirname(path), fileSystemOf);
  if (availableBytes >= FORMAT_SPACE_BYTES) return error;
  return Object.assign(new KernelError('mkfs', errno.ENOSPC, path), { cause: error });
}

/** The error of writing a small new file beside an image; undefined if the write succeeds. */
async function writeErrorAt(path: string): Promise<unknown> {
  // The same name as the new image during formatting, so that a file left by a crash is removed.
  const probe = `${path}.new`;
  try {
    await withDescriptor(probe, 'w', async (fd) => {
      await writeText(fd, 'x'.repeat(PROBE_BYTES));
      await syncDescriptor(fd);
    });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}
