import { basename, dirname } from 'node:path';
import { below, withPath } from '../../kernel/calls/path-handle.ts';
import { statusBelow } from '../../kernel/calls/statx.ts';
import { creating } from '../../model/copying/track-creation.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import { defaultMutableParameters, type Volume, type VolumeContent } from '../../model/objects/volume.ts';
import type { Parts } from '../../model/parts.ts';
import { reserveCapacity, reserveDisk } from '../../model/state/reserve-capacity.ts';
import { isPlannedEnforced } from '../../model/volumes/choose-content.ts';
import type { ActionContext } from '../action.ts';
import { copyProgress } from './copy-progress.ts';
import { findSource } from './find-source.ts';
import { withMovable } from './movable.ts';
import type { AdoptPlan } from './plan-adoption.ts';

/**
 * Makes a volume of data as planned, whole or not at all. The caller holds its name.
 * @throws VolumeError exhausted: there is no room for it; precondition: it cannot be moved or copied
 */
export async function makeOfData(
  parts: Parts,
  plan: AdoptPlan,
  how: Pick<ActionContext, 'signal' | 'tell'>,
): Promise<Volume> {
  const release = await reserveFor(parts, plan);
  try {
    const volume = await volumeFor(parts, plan);
    await creating(parts, plan.id, () =>
      plan.copiedBecause === undefined ? moveIn(parts, plan, volume, how) : copyIn(parts, plan, volume, how),
    );
    return volume;
  } catch (error) {
    release();
    throw error;
  }
}

/** Checks that there is room for the volume. @throws VolumeError exhausted */
export async function checkRoom(parts: Parts, plan: AdoptPlan): Promise<void> {
  (await reserveFor(parts, plan))();
}

function reserveFor(
  parts: Parts,
  { placement, content, capacityBytes, usedBytes, isPresent }: AdoptPlan,
): Promise<() => void> {
  const presentBytes = isPresent ? usedBytes : 0n;
  return reserveCapacity(parts, placement, {
    bytes: capacityBytes,
    isEnforced: isPlannedEnforced(content),
    presentBytes,
  });
}

async function volumeFor(
  parts: Parts,
  { id, spec, source, placement, content, capacityBytes }: AdoptPlan,
): Promise<Volume> {
  const { pool, capacityClass } = placement;
  const { name, claim, accessModes, path } = spec;
  const held: VolumeContent =
    content.backend === 'quota' ? { ...content, projectId: await pool.reserveProjectId() } : content;
  return {
    id,
    name,
    pool: pool.name,
    capacityClass,
    content: held,
    capacityBytes,
    source: undefined,
    sharing: { lineage: id, sharedBytes: 0n },
    root: source.root,
    accessModes,
    mutable: defaultMutableParameters,
    attachment: undefined,
    inline: undefined,
    nameTemplate: undefined,
    origin: undefined,
    deletion: undefined,
    claim,
    adoptedFrom: { path, inode: source.inode },
    createdAt: parts.now().toISOString(),
  };
}

async function moveIn(
  parts: Parts,
  { spec: { path }, source, placement: { pool } }: AdoptPlan,
  volume: Volume,
  { signal }: Pick<ActionContext, 'signal'>,
): Promise<void> {
  const backend = pool.backends[volume.content.backend];
  await backend.charge(path, volume, signal);
  // Again, since that may have taken long.
  await findSource(parts, path);
  await withMovable(path, pool.path, async (fd) => {
    const found = fd === undefined ? undefined : await statusBelow(fd, basename(path));
    if (fd === undefined || found?.inode !== source.inode || found.device !== source.device)
      throw new VolumeError('precondition', `${quote(path)} has been replaced in the meantime; run it again`);
    await parts.catalogue.adoptVolume(volume, {
      path,
      from: { directory: below(fd), name: basename(path) },
      name: basename(backend.contentOf('/')),
      limit: (directory) => backend.applyLimits(directory, volume),
    });
  });
}

/** As a job, which counts among the copies in progress, and ends with the command. */
async function copyIn(
  parts: Parts,
  plan: AdoptPlan,
  volume: Volume,
  { signal, tell }: Pick<ActionContext, 'signal' | 'tell'>,
): Promise<void> {
  const { catalogue, copying } = parts;
  const { id, spec, source, placement, content, usedBytes, isPresent } = plan;
  const { pool } = placement;
  const request = { id, from: spec.path, pool: pool.name, isLong: true };
  // The reservation for a volume with an enforced capacity covers it.
  const release =
    isPlannedEnforced(content) || isPresent ? () => {} : await reserveDisk(parts, pool, usedBytes);
  const copy = () =>
    copying.copies.run(request, async (control) => {
      copying.copies.expect(id, usedBytes);
      const controlled = {
        ...control,
        signal: AbortSignal.any([control.signal, signal]),
        onBytes: copyProgress(tell, usedBytes, control.onBytes),
      };
      await withPath(dirname(spec.path), (fd) => {
        const path = source.kind === 'file' ? below(fd, basename(spec.path)) : spec.path;
        const backend = source.kind === 'file' ? 'image' : 'directory';
        const original = { backend, path, pool: spec.path } as const;
        return catalogue.addVolume(volume, (directory) =>
          pool.backends[volume.content.backend].provisionCopy(directory, volume, original, controlled),
        );
      });
    });
  try {
    await copying.copies.inTurn(spec.path, (wait) => pool.waitOutside(wait), copy);
  } finally {
    release();
  }
}
