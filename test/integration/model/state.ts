import type { Backend, Call } from './calls.ts';

export const MIB = 1024 ** 2;
export const CAPACITY_MIB = 64;

/** What exists, by id, as clients can see it. An object whose creation was not answered has the id UNKNOWN and its name. */
export interface State {
  readonly volumes: Readonly<Record<string, Volume>>;
  readonly snapshots: Readonly<Record<string, Snapshot>>;
  readonly groups: Readonly<Record<string, { readonly name: string; readonly sources: readonly string[] }>>;
  /** By path. */
  readonly mounts: Readonly<Record<string, Mount>>;
  readonly retainedBytes: number;
}

interface Volume {
  readonly name: string;
  readonly backend: Backend;
  readonly bytes: number;
  readonly source: string;
  readonly onDelete: 'delete' | 'retain' | 'archive';
}

interface Snapshot {
  /** Empty for the member of a group. */
  readonly name: string;
  readonly volume: string;
  readonly backend: Backend;
  readonly bytes: number;
  readonly group: string;
}

interface Mount {
  readonly volume: string;
  readonly readonly: boolean;
}

export const empty: State = { volumes: {}, snapshots: {}, groups: {}, mounts: {}, retainedBytes: 0 };

/** What the driver has replied: a code, and for OK what matters of the reply. */
export interface Reply {
  readonly code: string;
  readonly value?: unknown;
  /** The snapshots of a new group, by their volumes. */
  readonly members?: Readonly<Record<string, string>>;
}

/** The reply that a call has to get, and the state after it. */
export interface Expected {
  readonly reply: Reply;
  readonly state: State;
}

/** The ids that a creation gives: those of the reply, or stand-ins if there is none. */
export interface NewIds {
  readonly id: string;
  readonly memberOf: (source: string) => string;
}

/** What a call has to do in a state. */
export function expected(state: State, call: Call, ids: NewIds): Expected {
  const refused = (code: string): Expected => ({ reply: { code }, state });
  const ok = (next: State = state, value?: unknown): Expected => ({
    reply: value === undefined ? { code: 'OK' } : { code: 'OK', value },
    state: next,
  });
  const withVolume = (id: string, volume: Volume) => ({
    ...state,
    volumes: { ...state.volumes, [id]: volume },
  });
  const create = (name: string, source: string, wanted: { backend?: Backend; bytes?: number }) => {
    const existing = Object.entries(state.volumes).find(([, volume]) => volume.name === name);
    if (!existing) return undefined;
    const [id, volume] = existing;
    const isSame =
      volume.source === source &&
      (wanted.backend ?? volume.backend) === volume.backend &&
      (wanted.bytes ?? 0) <= volume.bytes;
    return isSame ? ok(state, { id, bytes: volume.bytes }) : refused('ALREADY_EXISTS');
  };
  const make = (volume: Omit<Volume, 'onDelete'>) =>
    volume.bytes > availableBytes(state)
      ? refused('RESOURCE_EXHAUSTED')
      : ok(withVolume(ids.id, { ...volume, onDelete: 'delete' }), { id: ids.id, bytes: volume.bytes });
  switch (call.rpc) {
    case 'CreateVolume': {
      const { name, backend } = call;
      const bytes = call.mib * MIB;
      return create(name, '', { backend, bytes }) ?? make({ name, backend, bytes, source: '' });
    }
    case 'Restore':
    case 'Clone': {
      const { name } = call;
      const source = call.rpc === 'Restore' ? call.snapshot : call.volume;
      const found = call.rpc === 'Restore' ? state.snapshots[source] : state.volumes[source];
      const existing = create(name, source, {});
      if (existing) return existing;
      return found
        ? make({ name, backend: found.backend, bytes: found.bytes, source })
        : refused('NOT_FOUND');
    }
    case 'DeleteVolume': {
      const volume = state.volumes[call.volume];
      if (!volume) return ok();
      if (Object.values(state.mounts).some((mount) => mount.volume === call.volume))
        return refused('FAILED_PRECONDITION');
      const retainedBytes = state.retainedBytes + (volume.onDelete === 'delete' ? 0 : volume.bytes);
      return ok({ ...state, volumes: without(state.volumes, call.volume), retainedBytes });
    }
    case 'GetVolume': {
      const volume = state.volumes[call.volume];
      return volume ? ok(state, { bytes: volume.bytes }) : refused('NOT_FOUND');
    }
    case 'Validate':
      return state.volumes[call.volume] ? ok() : refused('NOT_FOUND');
    case 'Expand': {
      const volume = state.volumes[call.volume];
      if (!volume) return refused('NOT_FOUND');
      const bytes = Math.max(volume.bytes, call.mib * MIB);
      if (bytes - volume.bytes > availableBytes(state)) return refused('OUT_OF_RANGE');
      return ok(withVolume(call.volume, { ...volume, bytes }), { bytes });
    }
    case 'Modify': {
      const volume = state.volumes[call.volume];
      return volume
        ? ok(withVolume(call.volume, { ...volume, onDelete: call.onDelete }))
        : refused('NOT_FOUND');
    }
    case 'CreateSnapshot': {
      const existing = Object.entries(state.snapshots).find(([, { name }]) => name === call.name);
      if (existing)
        return existing[1].volume === call.volume
          ? ok(state, { id: existing[0] })
          : refused('ALREADY_EXISTS');
      const volume = state.volumes[call.volume];
      if (!volume) return refused('NOT_FOUND');
      const { backend, bytes } = volume;
      const snapshot = { name: call.name, volume: call.volume, backend, bytes, group: '' };
      return ok({ ...state, snapshots: { ...state.snapshots, [ids.id]: snapshot } }, { id: ids.id });
    }
    case 'DeleteSnapshot':
      if (state.snapshots[call.snapshot]?.group) return refused('INVALID_ARGUMENT');
      return ok({ ...state, snapshots: without(state.snapshots, call.snapshot) });
    case 'GetSnapshot':
      return state.snapshots[call.snapshot] ? ok() : refused('NOT_FOUND');
    case 'CreateGroup': {
      const existing = Object.entries(state.groups).find(([, { name }]) => name === call.name);
      const sources = [...call.volumes].sort();
      if (existing) {
        const [id, group] = existing;
        return JSON.stringify(group.sources) === JSON.stringify(sources)
          ? ok(state, { id })
          : refused('ALREADY_EXISTS');
      }
      if (sources.some((id) => !state.volumes[id])) return refused('NOT_FOUND');
      const isFrozen = (id: string) => state.volumes[id]?.backend === 'image' || !isMounted(state, id);
      if (!sources.every(isFrozen)) return refused('FAILED_PRECONDITION');
      const members = sources.map((id) => {
        const { backend = 'directory', bytes = 0 } = state.volumes[id] ?? {};
        return [ids.memberOf(id), { name: '', volume: id, backend, bytes, group: ids.id }] as const;
      });
      const snapshots = { ...state.snapshots, ...Object.fromEntries(members) };
      const groups = { ...state.groups, [ids.id]: { name: call.name, sources } };
      return ok({ ...state, snapshots, groups }, { id: ids.id });
    }
    case 'DeleteGroup': {
      const kept = Object.entries(state.snapshots).filter(([, { group }]) => group !== call.group);
      const snapshots = state.groups[call.group] ? Object.fromEntries(kept) : state.snapshots;
      return ok({ ...state, snapshots, groups: without(state.groups, call.group) });
    }
    case 'GetGroup':
      return state.groups[call.group] ? ok() : refused('NOT_FOUND');
    case 'Stage': {
      if (!state.volumes[call.volume]) return refused('NOT_FOUND');
      const there = state.mounts[call.staging];
      if (there) return there.volume === call.volume ? ok() : refused('FAILED_PRECONDITION');
      return ok(withMount(state, call.staging, { volume: call.volume, readonly: false }));
    }
    case 'Publish': {
      if (!state.volumes[call.volume]) return refused('NOT_FOUND');
      if (state.mounts[call.staging]?.volume !== call.volume) return refused('FAILED_PRECONDITION');
      const there = state.mounts[call.target];
      if (!there) return ok(withMount(state, call.target, { volume: call.volume, readonly: call.readonly }));
      if (there.volume !== call.volume) return refused('FAILED_PRECONDITION');
      return there.readonly === call.readonly ? ok() : refused('ALREADY_EXISTS');
    }
    case 'Unstage':
    case 'Unpublish': {
      const path = 'staging' in call ? call.staging : call.target;
      const there = state.mounts[path];
      if (there && there.volume !== call.volume) return refused('FAILED_PRECONDITION');
      return ok({ ...state, mounts: without(state.mounts, path) });
    }
    case 'Stats':
    case 'NodeExpand':
      return state.mounts[call.path]?.volume === call.volume ? ok() : refused('NOT_FOUND');
    case 'ListVolumes':
      return ok(state, listedVolumes(state));
    case 'ListSnapshots':
      return ok(state, Object.keys(state.snapshots).sort());
    case 'GetCapacity':
      return ok(state, availableBytes(state));
  }
}

/** The volumes that have to be listed, with their sizes. */
function listedVolumes({ volumes }: State): [string, number][] {
  return Object.entries(volumes)
    .map(([id, { bytes }]): [string, number] => [id, bytes])
    .sort();
}

/** The bytes that the reply to GetCapacity has to have. */
function availableBytes({ volumes, retainedBytes }: State): number {
  const used = Object.values(volumes).reduce((sum, { bytes }) => sum + bytes, retainedBytes);
  return CAPACITY_MIB * MIB - used;
}

function isMounted({ mounts }: State, volume: string): boolean {
  return Object.values(mounts).some((mount) => mount.volume === volume);
}

function withMount(state: State, path: string, mount: Mount): State {
  return { ...state, mounts: { ...state.mounts, [path]: mount } };
}

function without<Value>(record: Readonly<Record<string, Value>>, key: string): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
}
