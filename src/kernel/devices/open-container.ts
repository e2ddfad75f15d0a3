import { close, constants, open } from 'node:fs';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { errno, KernelError } from '../calls/errno.ts';
import { pollUntil } from '../process/poll-until.ts';
import { ContainerError, checkLuksKey, closeLuks, openLuks } from './luks.ts';
import { type Mapping, mappingNamed, mappingOn } from './mappings.ts';

const openAsync = promisify(open);
// The last close of a device waits for its disk, so it is done on another thread.
const closeAsync = promisify(close);

// With what is added to it, below the limit of the device mapper, 127 characters.
const LONGEST_NAME = 100;

/** What opens the container in an image. */
export interface ContainerKey {
  readonly key: Buffer;
  /** Whether discards pass through to the image, which shows where it has data. */
  readonly allowsDiscards: boolean;
}

/**
 * Opens the container on a loop device, or takes it as it is open, while `use` runs. After that the kernel closes it with its
 * last mount.
 * @param file that is attached to the device
 * @throws WrongKeyError
 */
export async function withContainer<T>(
  loop: string,
  file: string,
  containerKey: ContainerKey,
  use: (mapping: Mapping) => Promise<T>,
): Promise<T> {
  const mapping = await openContainer(loop, file, containerKey);
  const fd = await openAsync(mapping.path, constants.O_RDONLY);
  try {
    // From here on it closes with this process, whatever happens.
    await closeLuks(mapping.name, { isDeferred: true });
    return await use(mapping);
  } finally {
    await closeAsync(fd);
  }
}

/** Opens the container on a loop device until it is closed, or takes it as it is open. @throws WrongKeyError */
export async function openContainer(
  loop: string,
  file: string,
  { key, allowsDiscards }: ContainerKey,
): Promise<Mapping> {
  const open = containerOn(loop, file);
  if (open) {
    await checkLuksKey(loop, key);
    return open;
  }
  const name = nameFor(file);
  await closeLeft(name);
  await openLuks(loop, name, key, { allowsDiscards });
  const opened = containerOn(loop, file);
  if (!opened) throw new KernelError('open', errno.ENXIO, `the container on ${loop}`);
  return opened;
}

/** The container in a file, as this driver has opened it on the loop device of the file; undefined if it is closed. */
export function containerOn(loop: string, file: string): Mapping | undefined {
  return mappingOn(loop, nameFor(file));
}

/** Waits a moment until the kernel has closed the container in a file, whose last user is gone. */
export async function containerSettled(loop: string, file: string): Promise<void> {
  await pollUntil(async () => containerOn(loop, file) === undefined);
}

/** A driver that was killed may have left a container open whose file was replaced since. @throws KernelError EBUSY: it is in use */
async function closeLeft(name: string): Promise<void> {
  const left = mappingNamed(name);
  if (!left) return;
  try {
    await closeLuks(name);
  } catch (error) {
    if (!(error instanceof ContainerError)) throw error;
    // The kernel may have been closing it already.
    if (await pollUntil(async () => mappingNamed(name) === undefined)) return;
    throw Object.assign(new KernelError('close', errno.EBUSY, left.path), { cause: error });
  }
}

/** The name of the device: the directory of an image has the id of its volume, which ends with a random part. */
function nameFor(file: string): string {
  const kind = basename(file).replace(/^image\.?/, '');
  const id = basename(dirname(file)).slice(-LONGEST_NAME);
  return kind === '' ? `csi-${id}` : `csi-${id}-${kind}`;
}
