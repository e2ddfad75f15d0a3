import type { Call } from './calls.ts';
import { expected, type NewIds, type Reply, type State } from './state.ts';

/** A call and how it ended; without a reply it may have been executed or not. */
export interface Ended {
  readonly call: Call;
  readonly end: { readonly reply: Reply } | 'no reply' | 'refused while another ran';
}

/** The id of an object until a reply tells it: these are the first letters of every name. */
const unknown = (name: string) => `?${name.slice(0, 1)}`;

/**
 * The states after calls that ran at the same time: those in which some order of the calls gives each the reply it got.
 * If there is none, no correct driver can have given these replies.
 */
export function explain(states: readonly State[], calls: readonly Ended[]): State[] {
  const after = states.flatMap((state) => inAnyOrder(state, calls));
  return [...new Map(after.map((state) => [JSON.stringify(state), state])).values()];
}

function inAnyOrder(state: State, calls: readonly Ended[]): State[] {
  if (calls.length === 0) return [state];
  return calls.flatMap((call) =>
    step(state, call).flatMap((next) =>
      inAnyOrder(
        next,
        calls.filter((each) => each !== call),
      ),
    ),
  );
}

function step(state: State, { call, end }: Ended): State[] {
  if (end === 'refused while another ran') return [state];
  if (end === 'no reply') return [state, expected(state, call, unknownIds(call)).state];
  const { reply } = end;
  const known = withIds(state, call, reply);
  const { reply: right, state: next } = expected(known, call, newIds(reply));
  return isSame(known, right, reply) ? [next] : [];
}

function unknownIds(call: Call): NewIds {
  const id = 'name' in call ? unknown(call.name) : '';
  return { id, memberOf: (source) => `${id}/${source}` };
}

function newIds({ value, members = {} }: Reply): NewIds {
  const { id = '' } = (value ?? {}) as { id?: string };
  return { id, memberOf: (source) => members[source] ?? '' };
}

/** Gives an object that was made without a reply the id that a repeated creation has replied. */
function withIds(state: State, call: Call, { value, members = {} }: Reply): State {
  const id = (value as { id?: string } | undefined)?.id;
  if (id === undefined || !('name' in call)) return state;
  const before = unknown(call.name);
  const names = new Map([[before, id]]);
  for (const [source, member] of Object.entries(members)) names.set(`${before}/${source}`, member);
  const renamed = <Value>(record: Readonly<Record<string, Value>>) =>
    Object.fromEntries(Object.entries(record).map(([key, item]) => [names.get(key) ?? key, item]));
  const snapshots = Object.entries(renamed(state.snapshots)).map(
    ([key, snapshot]) => [key, { ...snapshot, group: names.get(snapshot.group) ?? snapshot.group }] as const,
  );
  return {
    ...state,
    volumes: renamed(state.volumes),
    snapshots: Object.fromEntries(snapshots),
    groups: renamed(state.groups),
  };
}

function isSame(state: State, right: Reply, reply: Reply): boolean {
  return right.code === reply.code && text(state, right.value) === text(state, reply.value);
}

/** A value as text, in which objects that a state does not know by id have the one that it has for them. */
function text(state: State, value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value ?? null);
  const known = (id: string) => !id.startsWith('?') && (id in state.volumes || id in state.snapshots);
  const normal = (id: string) => (known(id) ? id : unknown(id.replace('?', '')));
  const items = value.map((item) => (Array.isArray(item) ? [normal(item[0]), item[1]] : normal(item)));
  return JSON.stringify(items.map((item) => JSON.stringify(item)).sort());
}
