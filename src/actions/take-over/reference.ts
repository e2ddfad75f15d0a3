import { basename, join } from 'node:path';
import * as z from 'zod';
import { errnoName, errnoOf } from '../../kernel/calls/errno.ts';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Catalogue } from '../../model/state/catalogue.ts';
import { findPlacement } from '../../model/state/placement.ts';
import { type Candidate, readJson } from './candidate.ts';
import { isCompressed } from './unpack-archive.ts';

const BLOCK_ACCESS = 1;

const volume = z.object({
  VolName: z.string(),
  VolID: z.string().min(1),
  VolSize: z.number().min(0),
  VolPath: z.string().min(1),
  VolAccessType: z.number(),
  Ephemeral: z.boolean().default(false),
  Kind: z.string().default(''),
});

const snapshot = z.object({
  Name: z.string(),
  Id: z.string().min(1),
  VolID: z.string().min(1),
  Path: z.string().min(1),
  SizeBytes: z.number().min(0),
  ReadyToUse: z.boolean().default(true),
  CreationTime: z.object({ seconds: z.number().default(0) }).nullish(),
});

/** An empty list of Go is null in JSON. */
const state = z.object({
  Volumes: z.array(volume).nullish(),
  Snapshots: z.array(snapshot).nullish(),
});

/**
 * The volumes and snapshots of csi-driver-host-path, as listed in its `state.json`: a directory or an image for each volume, a tar
 * archive or the copy of an image for each snapshot. They keep their ids, so that the objects of the cluster go on working.
 * @throws VolumeError precondition: there is no such file, or it cannot be understood
 */
export async function findReference(path: string, catalogue: Catalogue): Promise<Candidate[]> {
  const found = await readJson(path, 'state.json', state);
  if (!found) throw new VolumeError('precondition', `there is no state.json in ${quote(path)}`);
  const volumes = (found.Volumes ?? []).map((each) => candidateFor(path, each, catalogue));
  const snapshots = (found.Snapshots ?? []).map((each) => snapshotCandidate(path, each, found.Volumes ?? []));
  return [...volumes, ...(await Promise.all(snapshots))];
}

function candidateFor(
  path: string,
  { VolName, VolID, VolSize, VolPath, VolAccessType, Ephemeral, Kind }: z.output<typeof volume>,
  catalogue: Catalogue,
): Candidate {
  const isBlock = VolAccessType === BLOCK_ACCESS;
  // The paths in the file are those of its container.
  const entry = basename(VolPath);
  const candidate: Candidate = {
    path: join(path, entry),
    name: VolName === '' ? VolID : VolName,
    id: VolID,
    isBlock,
    // It rounds the size of an image down, so that the file alone tells it.
    ...(isBlock ? {} : { sizeBytes: BigInt(Math.trunc(VolSize)).toString() }),
    ...(Kind !== '' && findPlacement(catalogue, Kind) ? { pool: Kind } : {}),
  };
  if (Ephemeral) return { ...candidate, obstacle: 'it is an inline volume, which is deleted with its pod' };
  if (entry === '' || entry === '.' || entry === '..')
    return { ...candidate, path, obstacle: `its path ${quote(VolPath)} cannot be that of a volume` };
  return candidate;
}

async function snapshotCandidate(
  path: string,
  { Name, Id, VolID, Path, SizeBytes, ReadyToUse, CreationTime }: z.output<typeof snapshot>,
  volumes: readonly z.output<typeof volume>[],
): Promise<Candidate> {
  const file = join(path, basename(Path));
  const candidate = {
    path: file,
    name: Name === '' ? Id : Name,
    id: Id,
    isBlock: false,
    sizeBytes: BigInt(Math.trunc(SizeBytes)).toString(),
    snapshot: {
      sourceVolumeId: VolID,
      createdAt: new Date((CreationTime?.seconds ?? 0) * 1000).toISOString(),
    },
  };
  if (!ReadyToUse) return { ...candidate, obstacle: 'the snapshot was never completed' };
  const source = volumes.find((each) => each.VolID === VolID);
  if (source) return { ...candidate, isBlock: source.VolAccessType === BLOCK_ACCESS };
  try {
    return { ...candidate, isBlock: !(await isCompressed(file)) };
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    return { ...candidate, obstacle: `its file cannot be read: ${errnoName(number)}` };
  }
}
