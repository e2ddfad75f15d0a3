import { createHash } from 'node:crypto';
import { directoryBytes } from '../../backends/copy-directory.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { newObjectId } from '../../model/objects/object-id.ts';
import type { Claim } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import type { Pool } from '../../model/ports/pool.ts';
import type { AccessMode } from '../../model/requests/capability.ts';
import { SECTOR_BYTES } from '../../model/requests/capacity.ts';
import type { Placement } from '../../model/state/placement.ts';
import type { ContentPlan } from '../../model/volumes/choose-content.ts';
import { max } from '../../units/bigint.ts';
import type { Source } from './find-source.ts';
import { imagePlan } from './image-plan.ts';
import { canMove } from './movable.ts';

/** A volume that is to be made of existing data. */
export interface AdoptSpec {
  /** As returned by `sourcePath`. */
  readonly path: string;
  readonly name: string;
  /** An id that other programs know already; undefined for a new one. */
  readonly id?: string | undefined;
  /** Undefined for what is in it, rounded up. */
  readonly sizeBytes?: bigint | undefined;
  /** Whether what is in it may make the volume larger than that. */
  readonly isMinimum: boolean;
  readonly claim?: Claim | undefined;
  readonly accessModes: readonly AccessMode[];
  /** Whether a file is the content of a block volume. */
  readonly isBlock: boolean;
}

/** How it will be done. */
export interface AdoptPlan {
  readonly spec: AdoptSpec;
  readonly source: Source;
  readonly placement: Placement;
  readonly id: string;
  readonly content: ContentPlan;
  readonly capacityBytes: bigint;
  readonly usedBytes: bigint;
  /** Why the data is copied; undefined if it is moved. */
  readonly copiedBecause: string | undefined;
  /** Whether its data takes space on the disk of the pool already, which the volume will have. */
  readonly isPresent: boolean;
}

const UNIT_BYTES = 1024n ** 3n;

/**
 * Decides how data becomes a volume, and changes nothing.
 * @param placement whose pool is reached
 * @throws VolumeError out-of-range: its size; precondition: it cannot be used
 */
export async function planAdoption(
  parts: Parts<'host' | 'settings'>,
  spec: AdoptSpec,
  source: Source,
  placement: Placement,
  signal: AbortSignal,
): Promise<AdoptPlan> {
  const { pool } = placement;
  const isDirectory = source.kind === 'directory';
  if (spec.isBlock && isDirectory)
    throw new VolumeError('invalid', `${quote(spec.path)} is a directory; only a file can be a block volume`);
  const content = isDirectory ? pool.abilities.directories : await imagePlan(parts.host, pool, spec, source);
  const usedBytes = isDirectory ? await directoryBytes(spec.path, signal) : source.allocatedBytes;
  const capacityBytes = isDirectory ? directorySize(spec, usedBytes) : imageSize(spec, source);
  checkMaximum(parts, capacityBytes);
  const copiedBecause = await whyCopied(content, source, pool);
  return {
    spec,
    source,
    placement,
    id: spec.id ?? newObjectId(spec.name, pool.id, randomFor(source)),
    content,
    capacityBytes,
    usedBytes,
    copiedBecause,
    isPresent:
      copiedBecause === undefined ||
      (pool.abilities.sharesBlocks && (await isOnFileSystemOf(parts, pool.path, source))),
  };
}

function directorySize({ path, sizeBytes, isMinimum }: AdoptSpec, usedBytes: bigint): bigint {
  if (sizeBytes !== undefined && sizeBytes >= usedBytes) return sizeBytes;
  if (sizeBytes === undefined || isMinimum) return roundUp(max(usedBytes, 1n), UNIT_BYTES);
  const message = `--size: ${sizeBytes} is smaller than what is in ${quote(path)} (${usedBytes} bytes)`;
  throw new VolumeError('out-of-range', message);
}

/** The file itself is the device, so that its size is that of the volume. */
function imageSize({ path, sizeBytes, isMinimum }: AdoptSpec, source: Source): bigint {
  const size = roundUp(source.sizeBytes, SECTOR_BYTES);
  if (sizeBytes === undefined || isMinimum || sizeBytes === size) return size;
  const message = `--size: ${sizeBytes} is not the size of the image ${quote(path)} (${size} bytes); leave it out, and expand the volume afterwards`;
  throw new VolumeError('out-of-range', message);
}

function checkMaximum({ settings }: Parts<'settings'>, capacityBytes: bigint): void {
  const { maximumVolumeBytes } = settings.limits;
  if (capacityBytes <= maximumVolumeBytes) return;
  const message = `${capacityBytes} bytes exceed the maximum volume size of ${maximumVolumeBytes} bytes (--max-volume-size)`;
  throw new VolumeError('out-of-range', message);
}

async function isOnFileSystemOf(
  { host }: Parts<'host'>,
  path: string,
  { fileSystem }: Source,
): Promise<boolean> {
  return (await host.locations.locate(path))?.fileSystem === fileSystem;
}

async function whyCopied(
  content: ContentPlan,
  source: Source,
  { name, path }: Pool,
): Promise<string | undefined> {
  if (content.backend === 'subvolume') return 'a directory cannot become a btrfs subvolume';
  if (!(await canMove(source.path, path)))
    return `it cannot be moved into the file system of pool ${quote(name)}`;
  if (source.kind === 'directory') return undefined;
  if (source.names > 1) return 'the file has other hard links';
  if (source.sizeBytes % SECTOR_BYTES !== 0n) return 'the last sector of the image is not whole';
  return undefined;
}

/** In place of the random part of an id: known before, and the same again. */
function randomFor({ path, inode }: Source): Buffer<ArrayBuffer> {
  const digest = createHash('sha256').update(`${path}\0${inode}`).digest('hex');
  return Buffer.from(digest.slice(0, 8), 'hex');
}

function roundUp(bytes: bigint, unitBytes: bigint): bigint {
  return ((bytes + unitBytes - 1n) / unitBytes) * unitBytes;
}
