import fc from 'fast-check';

/**
 * A call of a client. Objects are named in the arbitraries, and have their ids when the call is made; `volume` and the
 * like hold one or the other.
 */
export type Call =
  | { readonly rpc: 'CreateVolume'; readonly name: string; readonly backend: Backend; readonly mib: number }
  | { readonly rpc: 'Restore'; readonly name: string; readonly snapshot: string }
  | { readonly rpc: 'Clone'; readonly name: string; readonly volume: string }
  | { readonly rpc: 'DeleteVolume' | 'GetVolume' | 'Validate'; readonly volume: string }
  | { readonly rpc: 'Expand'; readonly volume: string; readonly mib: number }
  | { readonly rpc: 'Modify'; readonly volume: string; readonly onDelete: 'delete' | 'retain' | 'archive' }
  | { readonly rpc: 'CreateSnapshot'; readonly name: string; readonly volume: string }
  | { readonly rpc: 'DeleteSnapshot' | 'GetSnapshot'; readonly snapshot: string }
  | { readonly rpc: 'CreateGroup'; readonly name: string; readonly volumes: readonly string[] }
  | { readonly rpc: 'DeleteGroup' | 'GetGroup'; readonly group: string; readonly members: readonly string[] }
  | { readonly rpc: 'Stage' | 'Unstage'; readonly volume: string; readonly staging: string }
  | {
      readonly rpc: 'Publish';
      readonly volume: string;
      readonly staging: string;
      readonly target: string;
      readonly readonly: boolean;
    }
  | { readonly rpc: 'Unpublish'; readonly volume: string; readonly target: string }
  | { readonly rpc: 'Stats' | 'NodeExpand'; readonly volume: string; readonly path: string }
  | { readonly rpc: 'ListVolumes' | 'ListSnapshots' | 'GetCapacity' };

export type Backend = 'directory' | 'image';

/** A call, and when its client gives up; never if both are undefined. */
export interface Attempt {
  readonly call: Call;
  readonly deadlineMs: number | undefined;
  readonly cancelMs: number | undefined;
}

/** The member of the group is named like this. */
export const GROUP_MEMBER = 'g/0';

const volume = fc.constantFrom('a', 'b');
const snapshot = fc.constantFrom('s', 't');
const source = fc.constantFrom('s', 't', GROUP_MEMBER);
/** Mostly the one that the volume is staged at by most other calls, so that calls fit together. */
const volumeAtPath = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ volume: 'a', staging: 'staging-1' }) },
  { weight: 2, arbitrary: fc.constant({ volume: 'b', staging: 'staging-2' }) },
  { weight: 1, arbitrary: fc.record({ volume, staging: fc.constantFrom('staging-1', 'staging-2') }) },
);
const staging = fc.constantFrom('staging-1', 'staging-2');
const target = fc.constantFrom('target-1', 'target-2');
const mib = fc.constantFrom(16, 24, 40);

function ofVolume<const Rpc extends string>(rpc: Rpc) {
  return fc.record({ rpc: fc.constant(rpc), volume });
}

const creates = [
  fc.record({
    rpc: fc.constant('CreateVolume'),
    name: volume,
    backend: fc.constantFrom('directory', 'image'),
    mib,
  }),
  fc.record({ rpc: fc.constant('Restore'), name: volume, snapshot: source }),
  fc.record({ rpc: fc.constant('Clone'), name: volume, volume }),
] as const;
const changes = [
  fc.record({ rpc: fc.constant('Expand'), volume, mib }),
  fc.record({ rpc: fc.constant('Modify'), volume, onDelete: fc.constantFrom('delete', 'retain', 'archive') }),
  fc.record({ rpc: fc.constant('CreateSnapshot'), name: snapshot, volume }),
  fc.record({ rpc: fc.constant('DeleteSnapshot'), snapshot: source }),
  fc.record({
    rpc: fc.constant('CreateGroup'),
    name: fc.constant('g'),
    volumes: fc.constantFrom(['a'], ['a', 'b']),
  }),
  fc.record({ rpc: fc.constant('DeleteGroup'), group: fc.constant('g'), members: fc.constant([]) }),
] as const;
const mounts = [
  volumeAtPath.map((where) => ({ rpc: 'Stage', ...where })),
  fc
    .record({ where: volumeAtPath, target, readonly: fc.boolean() })
    .map(({ where, ...rest }) => ({ rpc: 'Publish', ...where, ...rest })),
] as const;
const unmounts = [
  volumeAtPath.map((where) => ({ rpc: 'Unstage', ...where })),
  fc.record({ rpc: fc.constant('Unpublish'), volume, target }),
  ofVolume('DeleteVolume'),
] as const;
const reads = [
  ofVolume('GetVolume'),
  ofVolume('Validate'),
  fc.record({ rpc: fc.constant('GetSnapshot'), snapshot: source }),
  fc.record({ rpc: fc.constant('GetGroup'), group: fc.constant('g'), members: fc.constant([]) }),
  fc.record({ rpc: fc.constantFrom('Stats', 'NodeExpand'), volume, path: fc.oneof(staging, target) }),
  fc.record({ rpc: fc.constantFrom('ListVolumes', 'ListSnapshots', 'GetCapacity') }),
] as const;

// Most make something, so that the others find it.
const call = fc.oneof(
  { weight: 4, arbitrary: fc.oneof({ weight: 3, arbitrary: creates[0] }, creates[1], creates[2]) },
  { weight: 4, arbitrary: fc.oneof(...changes) },
  { weight: 5, arbitrary: fc.oneof(...mounts) },
  { weight: 2, arbitrary: fc.oneof(...unmounts) },
  { weight: 2, arbitrary: fc.oneof(...reads) },
) as fc.Arbitrary<Call>;

const never = fc.constant(undefined);
const milliseconds = fc.integer({ min: 1, max: 50 });

/** A call that most often is waited for. */
export const attempt: fc.Arbitrary<Attempt> = fc.record({
  call,
  deadlineMs: fc.oneof({ weight: 8, arbitrary: never }, { weight: 1, arbitrary: milliseconds }),
  cancelMs: fc.oneof({ weight: 8, arbitrary: never }, { weight: 1, arbitrary: milliseconds }),
});

/** What a call holds while it runs: another one with any of it may be refused as ABORTED. */
export function keysOf(each: Call): string[] {
  const keys: string[] = [];
  for (const field of ['name', 'volume', 'snapshot', 'group', 'staging', 'target', 'path'] as const) {
    const value = (each as Partial<Record<typeof field, string>>)[field];
    if (value !== undefined) keys.push(value);
  }
  return 'volumes' in each ? [...keys, ...each.volumes] : keys;
}
