import { basename, dirname } from 'node:path';
import * as z from 'zod';
import { dataOf } from '../../backends/volume-root.ts';
import { below, withPath } from '../../kernel/calls/path-handle.ts';
import { creating } from '../../model/copying/track-creation.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Snapshot, SnapshotContent } from '../../model/objects/snapshot.ts';
import type { Pool } from '../../model/ports/pool.ts';
import type { NewContent } from '../../model/ports/ports.ts';
import { exclusive } from '../../model/state/holds.ts';
import { requirePlacements } from '../../model/state/placement.ts';
import { reserveDisk } from '../../model/state/reserve-capacity.ts';
import type { Action, ActionContext } from '../action.ts';
import type { Adoption } from '../adopt/adopt-data.ts';
import { findSource, type Source } from '../adopt/find-source.ts';
import { sourcePath } from '../adopt/source-path.ts';
import { unpackArchive } from './unpack-archive.ts';

const input = z.object({
  path: z.string(),
  name: z.string().min(1),
  id: z.string().min(1),
  pool: z.string().min(1).optional(),
  /** Whether it is the content of a block volume; otherwise it is an archive of files. */
  isBlock: z.boolean(),
  sourceVolumeId: z.string().min(1),
  sizeBytes: z
    .string()
    .regex(/^\d{1,19}$/)
    .transform(BigInt),
  createdAt: z.iso.datetime(),
  isReal: z.boolean(),
});

type Input = z.output<typeof input>;

/** Makes a snapshot of the file that csi-driver-host-path keeps of one. The file stays. */
export const adoptSnapshot: Action<Input, Adoption> = {
  input,
  holds: ({ path, id, name }) => [
    exclusive('path', sourcePath(path)),
    exclusive('snapshot', id),
    exclusive('snapshot name', name),
  ],
  run: async (wanted, context) => {
    const { catalogue } = context.model;
    const [{ pool }] = requirePlacements(catalogue, wanted.pool === undefined ? [] : [wanted.pool]);
    await pool.checkReachable();
    const path = sourcePath(wanted.path);
    const source = await findSource(context.model, path);
    const existing = await catalogue.find(catalogue.snapshots, wanted.id);
    if (existing) return describe(path, existing, 'existing', source);
    if (await catalogue.findNamed(catalogue.snapshots, wanted.name)) {
      throw new VolumeError('already-exists', `a snapshot named ${quote(wanted.name)} exists already`);
    }
    if (source?.kind !== 'file') throw new VolumeError('not-found', `there is no file ${quote(path)}`);
    const snapshot = snapshotFor(wanted, pool);
    (await reserveDisk(context.model, pool, source.allocatedBytes))();
    if (wanted.isReal) await make(context, pool, snapshot, source);
    return describe(path, snapshot, 'copy', source);
  },
};

function snapshotFor(
  { id, name, isBlock, sourceVolumeId, sizeBytes, createdAt }: Input,
  pool: Pool,
): Snapshot {
  if (isBlock && !pool.abilities.hasImages)
    throw new VolumeError('invalid', `pool ${quote(pool.name)} cannot provide images`);
  const content: SnapshotContent = isBlock
    ? { backend: 'image', use: { accessType: 'block' } }
    : { backend: 'directory' };
  return {
    ...{ id, name, pool: pool.name, groupId: undefined, sourceVolumeId, content, sizeBytes, createdAt },
    occupiedBytes: undefined,
    root: { uid: 0, gid: 0, mode: 0o777 },
    lineage: sourceVolumeId,
    origin: undefined,
  };
}

/** As a job, like a copy. */
async function make(
  { model, signal }: Pick<ActionContext, 'model' | 'signal'>,
  pool: Pool,
  snapshot: Snapshot,
  { path, allocatedBytes }: Source,
): Promise<void> {
  const { catalogue, copying } = model;
  const request = { id: snapshot.id, from: path, pool: pool.name, isLong: true };
  const release = await reserveDisk(model, pool, allocatedBytes);
  const copy = () =>
    copying.copies.run(request, (control) =>
      withPath(dirname(path), (fd) => {
        const controlled = { ...control, signal: AbortSignal.any([control.signal, signal]) };
        const content: NewContent = (directory) => {
          if (snapshot.content.backend === 'image') {
            const original = { backend: 'image', path: below(fd, basename(path)), pool: path } as const;
            return pool.backends.image.snapshot(directory, original, controlled);
          }
          // Of this process: tar is another one.
          const archive = `/proc/${process.pid}/fd/${fd}/${basename(path)}`;
          return unpackArchive(archive, path, dataOf(directory));
        };
        return catalogue.addSnapshot(snapshot, content);
      }),
    );
  try {
    await creating(model, snapshot.id, () =>
      copying.copies.inTurn(path, (wait) => pool.waitOutside(wait), copy),
    );
  } finally {
    release();
  }
}

function describe(
  path: string,
  { id, name = id, pool, content, sizeBytes }: Snapshot,
  how: 'copy' | 'existing',
  source: Source | undefined,
): Adoption {
  return {
    ...{ path, name, volumeId: id, pool, backend: content.backend, how },
    isSnapshot: true,
    sizeBytes: Number(sizeBytes),
    isSizeEnforced: true,
    usedBytes: Number(source?.allocatedBytes ?? 0n),
    ...(how === 'copy' ? { reason: 'a snapshot is kept unpacked' } : {}),
    isLeft: source !== undefined,
  };
}
