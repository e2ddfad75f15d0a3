import { checkVolumeWhole } from '../content/content-defects.ts';
import { type ContentState, withContentStates } from '../copying/consistent-content.ts';
import { type ContentCopy, copyContent, isInstant } from '../copying/copy-content.ts';
import { type FoundSource, sourceVolume } from '../copying/find-source.ts';
import { withFrozen } from '../copying/freeze-volumes.ts';
import { inTurn } from '../copying/in-turn.ts';
import type { MountedVolume } from '../copying/marked-freeze.ts';
import { withSpace } from '../copying/shared-space.ts';
import { creating } from '../copying/track-creation.ts';
import { quote, VolumeError } from '../errors.ts';
import { newObjectId } from '../objects/object-id.ts';
import type { GroupSnapshot, Snapshot } from '../objects/snapshot.ts';
import type { Volume } from '../objects/volume.ts';
import type { Parts } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { CopyControl } from '../ports/ports.ts';
import { memberDirectory } from '../ports/volume-data.ts';
import { isSameSet } from '../requests/capability.ts';
import type { Hold } from '../state/holds.ts';
import { planSnapshot } from './create-snapshot.ts';

/** The parsed CreateVolumeGroupSnapshot request. */
export interface GroupSpec {
  readonly name: string;
  /** Without repetition. */
  readonly sources: readonly Hold<'volume'>[];
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
 * (CSI specification, CreateVolumeGroupSnapshot).
 * @throws VolumeError already-exists: the group with this name has other volumes; precondition: they cannot be taken
 *   at one point in time
 */
export async function createGroupSnapshot(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  held: Hold<'group snapshot name'>,
  spec: GroupSpec,
): Promise<GroupSnapshot> {
  const { catalogue } = parts;
  return catalogue.createOnce(catalogue.groups, held, {
    accept: (existing) => checkSame(existing, spec),
    prepare: () => findSources(parts, spec),
    make: (sources) => make(parts, spec, sources),
  });
}

async function findSources(
  parts: Parts<'catalogue' | 'host'>,
  { sources: volumes }: GroupSpec,
): Promise<Member['source'][]> {
  const sources: Member['source'][] = [];
  for (const { id } of volumes) sources.push(await sourceVolume(parts, id));
  return sources;
}

async function make(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep' | 'now'>,
  spec: GroupSpec,
  sources: readonly Member['source'][],
): Promise<GroupSnapshot> {
  const pool = commonPool(sources);
  const group = planGroup(parts, pool, spec.name, sources);
  const volumes = sources.map(({ volume }) => volume);
  return inTurn(parts, copiesIn(group, sources), () =>
    withContentStates(parts, volumes, (usages) => {
      const members = membersOf(group, sources, usages);
      return creating(parts, group.id, async () => {
        await parts.catalogue.addGroup(group, (directory) => copyMembers(parts, group, members, directory));
        return group;
      });
    }),
  );
}

/** @throws VolumeError precondition: one of them may have writers that cannot be made to wait */
function membersOf(
  group: GroupSnapshot,
  sources: readonly Member['source'][],
  states: readonly ContentState[],
): Member[] {
  return group.snapshots.flatMap((snapshot) => {
    const index = sources.findIndex(({ id }) => id === snapshot.sourceVolumeId);
    const [source, usage] = [sources[index], states[index]];
    return source && usage ? [{ source, snapshot, mounted: freezable(source.volume, usage) }] : [];
  });
}

function commonPool(sources: readonly FoundSource[]): Pool {
  const pools = new Set(sources.map(({ pool }) => pool));
  const [pool] = pools;
  if (pool && pools.size === 1) return pool;
  const names = [...pools].map(({ name }) => quote(name)).join(' and ');
  const message = `the volumes are in pools ${names}; a group snapshot needs them in one pool`;
  throw new VolumeError('precondition', message, { about: 'sourceVolumes' });
}

function planGroup(
  parts: Parts<'now'>,
  pool: Pool,
  name: string,
  sources: readonly Member['source'][],
): GroupSnapshot {
  const id = newObjectId(name, pool.id);
  const createdAt = parts.now().toISOString();
  const snapshots = sources.map((source) =>
    planSnapshot(source, { id: newObjectId(name, pool.id), name: undefined, groupId: id, createdAt }),
  );
  return { id, name, pool: pool.name, snapshots, createdAt };
}

/** @throws VolumeError precondition: the volume may have writers that cannot be made to wait */
function freezable(volume: Volume, state: ContentState): MountedVolume | undefined {
  switch (state.kind) {
    case 'unused':
      return undefined;
    case 'mounted':
      return { volume, fileSystem: state.fileSystem };
    case 'directory':
      throw cannotFreeze(volume, 'a mounted directory, which cannot be frozen (only images can)');
    case 'attached':
      throw cannotFreeze(volume, `a device in use (${state.device}) without a file system to freeze`);
  }
}

function cannotFreeze({ id }: Volume, what: string): VolumeError {
  const message = `volume ${quote(id)} is ${what}; unstage it before taking a group snapshot`;
  return new VolumeError('precondition', message, { about: 'sourceVolumes' });
}

/** Copies the members without writers one by one, and then all others while they are frozen together. */
async function copyMembers(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep'>,
  group: GroupSnapshot,
  members: readonly Member[],
  directory: string,
): Promise<void> {
  const frozen = members.filter(({ mounted }) => mounted !== undefined);
  for (const member of members) {
    if (member.mounted) continue;
    const { source, snapshot } = member;
    await copyContent(parts, copyOf(group, member), (control) =>
      writeMember(source, snapshot, directory, control),
    );
  }
  if (frozen.length > 0) await copyFrozen(parts, group, frozen, directory);
}

async function copyFrozen(
  parts: Parts<'catalogue' | 'host' | 'copying' | 'holds' | 'settings' | 'onStep'>,
  group: GroupSnapshot,
  members: readonly Member[],
  directory: string,
): Promise<void> {
  const from = members.map(({ source }) => source.id).join(', ');
  const request = {
    id: group.id,
    from,
    pool: group.pool,
    isLong: !members.every((member) => isInstant(copyOf(group, member))),
  };
  await parts.copying.copies.run(request, async (control) => {
    const signal = AbortSignal.any([control.signal, ...members.map(({ source }) => source.pool.lost)]);
    const mounted = members.flatMap((member) => member.mounted ?? []);
    const copies = members.map((member) => copyOf(group, member));
    await withSpace(parts, copies, signal, () =>
      withFrozen(parts, mounted, signal, async (limited) => {
        const limitedControl = { ...control, signal: limited };
        for (const { source, snapshot } of members)
          await writeMember(source, snapshot, directory, limitedControl);
      }),
    );
    for (const { source } of members) await checkVolumeWhole(parts, source.volume);
  });
}

function copiesIn({ snapshots }: GroupSnapshot, sources: readonly Member['source'][]) {
  return snapshots.flatMap(({ sourceVolumeId, content: { backend } }) => {
    const source = sources.find(({ id }) => id === sourceVolumeId);
    return source ? [{ source, pool: source.pool, backend }] : [];
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

function checkSame(existing: GroupSnapshot, spec: GroupSpec): GroupSnapshot {
  const sources = existing.snapshots.map(({ sourceVolumeId }) => sourceVolumeId);
  if (
    isSameSet(
      sources,
      spec.sources.map(({ id }) => id),
    )
  )
    return existing;
  const message = `a group snapshot named ${quote(spec.name)} already exists, with other volumes: ${sources.map(quote).join(', ')}`;
  throw new VolumeError('already-exists', message, { about: 'name' });
}
