import { mkdir, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { diskFaultOf } from '../kernel/calls/disk-fault.ts';
import { errno, errnoName, errnoOf, isErrno } from '../kernel/calls/errno.ts';
import type { FileOperation } from '../kernel/files/file-operations.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { RecordedObject } from '../model/objects/object-index.ts';
import type { MovedContent } from '../model/ports/ports.ts';
import { syncPath } from './durable-file.ts';
import { type FileChange, FileChangeError, type FileChanges } from './file-changes.ts';
import { checkWritable, newObject, sync } from './new-object.ts';
import { driverOnlyMode, type PoolLayout } from './pool-layout.ts';
import type { RecordKind } from './record-kinds.ts';

/** What adopting needs of the records of a pool. */
export interface AdoptParts<Item extends RecordedObject> {
  readonly kind: RecordKind<Item>;
  readonly layout: PoolLayout;
  readonly changes: FileChanges;
  /** The directory of the new object. */
  readonly target: string;
}

/**
 * As `Records.adopt`. The object is not built in `.incoming/`, whose content is removed at startup: there is one step in which the
 * content leaves its place, into a directory that already has the record, and `finishAdoptions` completes what a crash interrupts
 * after it.
 */
export async function adoptObject<Item extends RecordedObject>(
  parts: AdoptParts<Item>,
  object: Item,
  content: MovedContent,
): Promise<void> {
  const { kind, layout, changes, target } = parts;
  const directory = join(layout.adopting, basename(target));
  const places = placesOf(directory, content);
  const move: FileOperation = { kind: 'rename', from: places.from, to: places.to };
  const show: FileOperation = { kind: 'rename', from: directory, to: target };
  const { beforeContent, afterContent } = newObject(kind, object, directory);
  const moving: FileChange = [
    ...[...beforeContent, ...afterContent].filter((item) => typeof item !== 'string'),
    sync(layout.adopting),
    'adopt: prepared',
    move,
    'adopt: moved',
    sync(directory),
    sync(places.fromDirectory),
    'adopt: moved durably',
  ];
  const showing: FileChange = [
    'adopt: limited',
    show,
    'adopt: renamed',
    sync(dirname(target)),
    sync(layout.adopting),
    checkWritable(layout.adopting),
    'adopt: durable',
  ];
  await makeHome(layout);
  await checkNotLeft(directory);
  let isMoved = false;
  let isShown = false;
  try {
    await changes.make(moving).catch((error: unknown) => {
      isMoved = isAfter(error, moving, move);
      throw isItem(error, move) ? cannotMove(content.path, error) : error;
    });
    isMoved = true;
    await content.limit(directory);
    await changes.make(showing).catch((error: unknown) => {
      isShown = isAfter(error, showing, show);
      throw error;
    });
  } catch (error) {
    const stuck = await takeBack(target, directory, { ...places, isMoved, isShown, record: kind.recordName });
    throw stuck ?? error;
  }
}

interface Places {
  readonly from: string;
  readonly fromDirectory: string;
  readonly to: string;
}

function placesOf(directory: string, { from, name }: MovedContent): Places {
  // With a dot, because a path that ends in a descriptor of /proc counts as a symbolic link.
  return {
    from: join(from.directory, from.name),
    fromDirectory: `${from.directory}/.`,
    to: join(directory, name),
  };
}

async function makeHome({ adopting, root }: PoolLayout): Promise<void> {
  try {
    await mkdir(adopting, { mode: driverOnlyMode });
    await syncPath(root);
  } catch (error) {
    if (!isErrno(error, errno.EEXIST)) throw error;
  }
}

/** A directory of this name has data that could not be moved back. */
async function checkNotLeft(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (isErrno(error, errno.ENOENT)) return;
    if (isErrno(error, errno.ENOTEMPTY, errno.EEXIST)) throw unfinishedError(directory, error);
    throw error;
  }
}

/** @returns the error if the content cannot be moved back: it tells where it is */
async function takeBack(
  target: string,
  directory: string,
  {
    from,
    fromDirectory,
    to,
    isMoved,
    isShown,
    record,
  }: Places & { isMoved: boolean; isShown: boolean; record: string },
): Promise<VolumeError | undefined> {
  try {
    if (isShown) await rename(target, directory);
    if (isMoved) await rename(to, from);
    if (isMoved) await syncPath(fromDirectory);
  } catch (error) {
    return unfinishedError(directory, error);
  }
  // What is left of it has no content, and is removed at the next start otherwise.
  await unlink(join(directory, record)).catch(() => {});
  await rmdir(directory).catch(() => {});
  return undefined;
}

function unfinishedError(directory: string, cause: unknown): VolumeError {
  const message = `the data is in ${directory}, where an earlier attempt has left it; restart the driver, which makes a volume of it`;
  return new VolumeError('unavailable', message, { cause });
}

function isItem(error: unknown, item: FileOperation): boolean {
  return error instanceof FileChangeError && error.item === item;
}

/** Whether a change failed after this item of it was done. */
function isAfter(error: unknown, change: FileChange, item: FileOperation): boolean {
  return error instanceof FileChangeError && change.indexOf(error.item) > change.indexOf(item);
}

function cannotMove(path: string, error: unknown): unknown {
  const { cause } = error as FileChangeError;
  const number = errnoOf(cause);
  if (number === undefined || diskFaultOf(cause)) return error;
  return new VolumeError('precondition', `cannot move ${quote(path)}: ${reasonFor(number)}`, { cause });
}

function reasonFor(number: number): string {
  switch (number) {
    case errno.ENOENT:
      return 'it does not exist any more';
    case errno.EBUSY:
      return 'it is in use as a mount point';
    case errno.EXDEV:
      return 'it is not in the mount of the pool';
    case errno.EPERM:
    case errno.EACCES:
      return 'it, or its directory, may not be changed (lsattr -d shows whether it is immutable)';
    default:
      return errnoName(number);
  }
}
