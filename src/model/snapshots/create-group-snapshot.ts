import { checkVolumeWhole } from '../content/content-defects.ts';
import { type ContentCopy, copyContent, isInstant } from '../copying/copy-content.ts';
import { type FoundSource, sourceVolume } from '../copying/find-source.ts';
import { withFrozen } from '../copying/freeze-volumes.ts';
import type { MountedVolume } from '../copying/marked-freeze.ts';
import { withSpace } from '../copying/shared-space.ts';
import { type Usage, withUsages } from '../copying/steady-content.ts';
import { quote, VolumeError } from '../errors.ts';
import { findNamed } from '../find/find-object.ts';
import { memberDirectory } from '../find/find-snapshot.ts';
import { newObjectId } from '../objects/object-id.ts';
import type { GroupSnapshot, Snapshot } from '../objects/snapshot.ts';
import type { Volume } from '../objects/volume.ts';
import type { Pool } from '../ports/pool.ts';
import type { CopyControl } from '../ports/ports.ts';
import { isSameSet } from '../requests/same-set.ts';
import type { Model } from '../state/model.ts';
import { planSnapshot } from './create-snapshot.ts';

/** The parsed CreateVolumeGroupSnapshot request. */
export interface GroupSpec {
  readonly name: string;
  /** Without repetition. */
  readonly sourceVolumeIds: readonly string[];
}

/** A volume in a group, and its snapshot. */
interface Member {
  readonly source: FoundSource & { readonly volume: Volume };
  readonly snapshot: Snapshot;
  /** Its file system, to be frozen; undefined if it has no writers. */
  readonly mounted: MountedVolume | undefined;
}

/**
 * Takes snapshots of several volumes at one point in time, all or none, or returns the existing group with this name
 * (CSI specification, CreateVolumeGroupSnapshot). The caller holds the name and each of the volumes.
 * @throws VolumeError already-exists: the group with this name has other volumes; precondition: they cannot be taken
 *   at one point in time
 */
export async function createGroupSnapshot(model: Model, spec: GroupSpec): Promise<GroupSnapshot> {
  const existing = await findNamed(model, model.groups, spec.name);
  if (existing) return answerExisting(existing, spec);
  const sources: Member['source'][] = [];
  for (const id of spec.sourceVolumeIds) sources.push(await sourceVolume(model, id));
  // If the pool has just come back, it may hold the group.
  const found = await findNamed(model, model.groups, spec.name);
  if (found) return answerExisting(found, spec);
  const pool = commonPool(sources);
  const group = planGroup(model, pool, spec.name, sources);
  const volumes = sources.map(({ volume }) => volume);
  return withUsages(model, volumes, (usages) => {
    const members = membersOf(group, sources, usages);
    return model.copies.making(group.id, async () => {
      try {
        await pool.records.groups.add(group, (directory) => copyMembers(model, group, members, directory));
        addGroup(model, group);
        return group;
      } finally {
        model.sharing.end(group.id);
      }
    });
  });
}

/** @throws VolumeError precondition: one of them may have writers that cannot be made to wait */
function membersOf(
  group: GroupSnapshot,
  sources: readonly Member['source'][],
  usages: readonly Usage[],
): Member[] {
  return group.snapshots.flatMap((snapshot) => {
    const index = sources.findIndex(({ id }) => id === snapshot.sourceVolumeId);
    const [source, usage] = [sources[index], usages[index]];
    return source && usage ? [{ source, snapshot, mounted: freezable(source.volume, usage) }] : [];
  });
}

/** Adds an existing group to the index. */
export function addGroup(model: Model, group: GroupSnapshot): void {
  model.groups.add(group);
  for (const snapshot of group.snapshots) model.snapshots.add(snapshot);
}

function commonPool(sources: readonly FoundSource[]): Pool {
  const pools = new Set(sources.map(({ pool }) => pool));
  const [pool] = pools;
  if (pool && pools.size === 1) return pool;
  const names = [...pools].map(({ name }) => quote(name)).join(' and ');
  const message = `the volumes lie in the pools ${names}; a group is cut in one pool`;
  throw new VolumeError('precondition', message, { about: 'sourceVolumes' });
}

function planGroup(
  model: Model,
  pool: Pool,
  name: string,
  sources: readonly Member['source'][],
): GroupSnapshot {
  const id = newObjectId(name, pool.id);
  const createdAt = model.now().toISOString();
  const snapshots = sources.map((source) =>
    planSnapshot(source, { id: newObjectId(name, pool.id), name: undefined, groupId: id, createdAt }),
  );
  return { id, name, pool: pool.name, snapshots, createdAt };
}

/** @throws VolumeError precondition: the volume may have writers that cannot be made to wait */
function freezable(volume: Volume, usage: Usage): MountedVolume | undefined {
  switch (usage.kind) {
    case 'unused':
      return undefined;
    case 'mounted':
      return { volume, fileSystem: usage.fileSystem };
    case 'directory':
      throw cannotFreeze(
        volume,
        'a directory that is mounted: only images have a file system of their own to freeze',
      );
    case 'attached':
      throw cannotFreeze(
        volume,
        `a device in use (${usage.device}) with no file system that could be frozen`,
      );
  }
}

function cannotFreeze({ id }: Volume, what: string): VolumeError {
  const message = `volume ${quote(id)} is ${what}, so that it cannot be cut at one instant with others; unstage it first`;
  return new VolumeError('precondition', message, { about: 'sourceVolumes' });
}

/** Copies the members without writers one by one, and then all others while they are frozen together. */
async function copyMembers(
  model: Model,
  group: GroupSnapshot,
  members: readonly Member[],
  directory: string,
): Promise<void> {
  const frozen = members.filter(({ mounted }) => mounted !== undefined);
  for (const member of members) {
    if (member.mounted) continue;
    const { source, snapshot } = member;
    await copyContent(model, copyOf(group, member), (control) =>
      writeMember(source, snapshot, directory, control),
    );
  }
  if (frozen.length > 0) await copyFrozen(model, group, frozen, directory);
}

async function copyFrozen(
  model: Model,
  group: GroupSnapshot,
  members: readonly Member[],
  directory: string,
): Promise<void> {
  const from = members.map(({ source }) => source.id).join(', ');
  const order = { id: group.id, from, isLong: !members.every((member) => isInstant(copyOf(group, member))) };
  await model.copies.run(order, async (control) => {
    const signal = AbortSignal.any([control.signal, ...members.map(({ source }) => source.pool.lost)]);
    const mounted = members.flatMap((member) => member.mounted ?? []);
    const copies = members.map((member) => copyOf(group, member));
    await withSpace(model, copies, signal, () =>
      withFrozen(model, mounted, signal, async (limited) => {
        const limitedControl = { ...control, signal: limited };
        for (const { source, snapshot } of members)
          await writeMember(source, snapshot, directory, limitedControl);
      }),
    );
    for (const { source } of members) await checkVolumeWhole(model, source.volume);
  });
}

/** The copy has the id of the group: cancelling the group stops the copy. */
function copyOf({ id }: GroupSnapshot, { source, snapshot }: Member): ContentCopy {
  return { id, source, pool: source.pool, backend: snapshot.content.backend, reservedBytes: undefined };
}

function writeMember(
  { pool, original }: FoundSource,
  { id, content }: Snapshot,
  directory: string,
  control: CopyControl,
): Promise<void> {
  return pool.backends[content.backend].snapshot(memberDirectory(directory, id), original, control);
}

function answerExisting(existing: GroupSnapshot, spec: GroupSpec): GroupSnapshot {
  const sources = existing.snapshots.map(({ sourceVolumeId }) => sourceVolumeId);
  if (isSameSet(sources, spec.sourceVolumeIds)) return existing;
  const message = `a group snapshot named ${quote(spec.name)} exists already, of other volumes: ${sources.map(quote).join(', ')}`;
  throw new VolumeError('already-exists', message, { about: 'name' });
}
