import { basename, join } from 'node:path';
import * as z from 'zod';
import { quote, VolumeError } from '../../model/errors.ts';
import type { Catalogue } from '../../model/state/catalogue.ts';
import { findPlacement } from '../../model/state/placement.ts';
import { type Candidate, readJson } from './candidate.ts';

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

const snapshot = z.object({ Name: z.string(), Id: z.string().min(1), Path: z.string() });

/** An empty list of Go is null in JSON. */
const state = z.object({
  Volumes: z.array(volume).nullish(),
  Snapshots: z.array(snapshot).nullish(),
});

/**
 * The volumes of csi-driver-host-path: a directory or an image for each, as listed in its `state.json`. They keep their ids, so that
 * the PersistentVolumes of the cluster go on working.
 * @throws VolumeError precondition: there is no such file, or it cannot be understood
 */
export async function findReference(path: string, catalogue: Catalogue): Promise<Candidate[]> {
  const found = await readJson(path, 'state.json', state);
  if (!found) throw new VolumeError('precondition', `there is no state.json in ${quote(path)}`);
  return [
    ...(found.Volumes ?? []).map((each) => candidateFor(path, each, catalogue)),
    ...(found.Snapshots ?? []).map(snapshotCandidate(path)),
  ];
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

function snapshotCandidate(path: string) {
  return ({ Name, Id, Path }: z.output<typeof snapshot>): Candidate => ({
    path: join(path, basename(Path)),
    name: Name === '' ? Id : Name,
    id: Id,
    isBlock: false,
    obstacle: 'snapshots are not taken over: restore it to a volume first, with the driver that made it',
  });
}
