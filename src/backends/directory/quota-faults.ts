import { fileSystemName, fileSystemOf } from '../../kernel/calls/statfs.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Volume } from '../../model/objects/volume.ts';
import type { ContentFault } from '../../model/ports/ports.ts';
import { type DataProject, isUnused } from './project-data.ts';

/** The error for a limit that cannot be set, because the disk does not enforce project limits. */
export async function quotasOffError(fd: number, volume: Volume): Promise<VolumeError> {
  return new VolumeError('precondition', await explainQuotasOff(fd, volume));
}

/** Why a volume's project quota is not enforced; undefined if it is. */
export async function enforcementFault(
  fd: number,
  volume: Volume,
  { projectId, found }: { projectId: number; found: DataProject },
): Promise<ContentFault | undefined> {
  switch (found.kind) {
    case 'quotas-off':
      return notEnforced(await explainQuotasOff(fd, volume));
    case 'outside':
      return {
        ...notEnforced(explainOutside(volume, projectId, found)),
        ...(isUnused(found.quota) ? { repair: 'adopt files' } : {}),
      };
    case 'inside': {
      if (found.quota?.limitBytes !== undefined && found.quota.limitInodes !== undefined) return undefined;
      const message = `project ${projectId} of volume ${quote(volume.id)} has lost its limits; the next stage or driver start sets them`;
      return { ...notEnforced(message), repair: 'restore limits' };
    }
  }
}

function notEnforced(message: string): ContentFault {
  return { kind: 'not-held', message };
}

async function explainQuotasOff(fd: number, { id, pool }: Volume): Promise<string> {
  const name = fileSystemName((await fileSystemOf(fd)).magic);
  const start = `volume ${quote(id)} has a project quota, but pool ${quote(pool)}`;
  if (name !== 'xfs' && name !== 'ext4')
    return `${start} is on ${name}, which has no project quotas; a clone of it uses the pool's backend`;
  return `${start} is mounted without project quotas; unmount the pool and mount it with the option prjquota`;
}

function explainOutside(
  { id, capacityBytes }: Volume,
  projectId: number,
  { quota }: Extract<DataProject, { kind: 'outside' }>,
): string {
  const start = `capacity of volume ${quote(id)} (${capacityBytes} bytes) is not enforced: its data is not in project ${projectId}`;
  if (!isUnused(quota)) return `${start}, which other files use; a clone of it gets its own project`;
  return `${start}; run: csi-hostpath check --repair`;
}
