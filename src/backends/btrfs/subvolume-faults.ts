import { dirname } from 'node:path';
import { fileSystemName, fileSystemOf } from '../../kernel/calls/statfs.ts';
import { BTRFS_MAGIC } from '../../kernel/file-systems/btrfs.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Volume } from '../../model/objects/volume.ts';
import type { ContentFault } from '../../model/ports/ports.ts';
import { shellWord } from '../shell-word.ts';
import { dataOf } from '../volume-root.ts';
import { type DataLimit, isCountInconsistent } from './qgroup-limit.ts';

const LIMIT_SET_LATER = 'the next stage or driver start sets the limit';

/** The error for a limit that cannot be set, because quotas are off or the qgroup is gone. */
export function cannotLimitError(
  directory: string,
  volume: Volume,
  limit: Extract<DataLimit, { kind: 'quotas-off' | 'no-qgroup' }>,
  cause?: unknown,
): VolumeError {
  const why = limit.kind === 'quotas-off' ? quotasOff(directory, volume) : noQgroup(directory, volume, limit);
  return new VolumeError('precondition', why, { cause });
}

/** Why a volume's size limit is not enforced; undefined if it is. */
export async function enforcementFault(
  fd: number,
  directory: string,
  volume: Volume,
  limit: DataLimit,
): Promise<ContentFault | undefined> {
  const message = await explain(fd, directory, volume, limit);
  if (message === undefined) return undefined;
  const repair = await repairOf(fd, limit);
  return { kind: 'not-held', message, ...(repair ? { repair } : {}) };
}

async function repairOf(fd: number, limit: DataLimit): Promise<ContentFault['repair']> {
  switch (limit.kind) {
    case 'directory':
      return (await fileSystemOf(fd)).magic === BTRFS_MAGIC ? 'rebuild' : undefined;
    case 'qgroup':
      return limit.limitBytes === undefined ? 'restore limits' : undefined;
    default:
      return undefined;
  }
}

/** The remedy for a subvolume that btrfs receive has left read-only. */
export function readOnlyFault(directory: string, { id }: Volume): ContentFault {
  const data = shellWord(dataOf(directory));
  const message = `subvolume of volume ${quote(id)} is read-only; run: btrfs property set -f -t subvol ${data} ro false`;
  return { kind: 'read-only', message };
}

async function explain(
  fd: number,
  directory: string,
  volume: Volume,
  limit: DataLimit,
): Promise<string | undefined> {
  switch (limit.kind) {
    case 'directory':
      return plainDirectory(fd, volume);
    case 'quotas-off':
      return quotasOff(directory, volume);
    case 'no-qgroup':
      return noQgroup(directory, volume, limit);
    case 'qgroup':
      if (limit.limitBytes === undefined)
        return `qgroup 0/${limit.id} of volume ${quote(volume.id)} has lost its limit; ${LIMIT_SET_LATER}`;
      return (await isCountInconsistent(fd)) ? inconsistentCount(directory, volume) : undefined;
  }
}

async function plainDirectory(fd: number, volume: Volume): Promise<string> {
  const { magic } = await fileSystemOf(fd);
  const start = `capacity of volume ${quote(volume.id)} (${volume.capacityBytes} bytes) is not enforced: its data is a plain directory`;
  if (magic !== BTRFS_MAGIC) {
    return `${start} on ${fileSystemName(magic)}, which has no subvolumes; a clone of it uses the pool's backend`;
  }
  return `${start}, not a subvolume; unstage it and run: csi-hostpath check --repair`;
}

function quotasOff(directory: string, { id, pool }: Volume): string {
  const command = `btrfs quota enable ${shellWord(poolOf(directory))}`;
  return `volume ${quote(id)} has a qgroup limit, but quotas are off on pool ${quote(pool)}; run: ${command}; ${LIMIT_SET_LATER}`;
}

function noQgroup(
  directory: string,
  { id, capacityBytes }: Volume,
  limit: Extract<DataLimit, { kind: 'no-qgroup' }>,
): string {
  const path = shellWord(poolOf(directory));
  const create = `btrfs qgroup create 0/${limit.id} ${path}`;
  // Simple quotas count from now on and have no rescan.
  const command = limit.mode === 'squota' ? create : `${create} && btrfs quota rescan ${path}`;
  return `capacity of volume ${quote(id)} (${capacityBytes} bytes) is not enforced: its qgroup is missing; run: ${command}; ${LIMIT_SET_LATER}`;
}

function inconsistentCount(directory: string, { id, pool }: Volume): string {
  const command = `btrfs quota rescan -w ${shellWord(poolOf(directory))}`;
  return `volume ${quote(id)} may exceed its limit: btrfs marks the quota counts of pool ${quote(pool)} as inconsistent; run: ${command}`;
}

/** The root of the pool, which outlives a volume that could not be created. */
function poolOf(directory: string): string {
  return dirname(dirname(directory));
}
