import type { CreateVolumeRequest } from '../../../src/rpc/generated/csi/v1/CreateVolumeRequest.ts';
import type { VolumeCapability } from '../../../src/rpc/generated/csi/v1/VolumeCapability.ts';
import { fileSystem } from '../../support/image-node.ts';
import { mountCapability } from '../../support/requests.ts';

/** One call, or one file written and synced by a pod. Objects are given by their names. */
export type Call =
  | { readonly kind: 'create'; readonly name: string; readonly mebibytes: number; readonly from?: string }
  | { readonly kind: 'write'; readonly name: string; readonly file: string }
  | { readonly kind: 'snapshot'; readonly name: string; readonly from: string }
  | { readonly kind: 'expand'; readonly name: string; readonly mebibytes: number }
  | { readonly kind: 'limit inodes'; readonly name: string; readonly inodes: number }
  | { readonly kind: 'delete'; readonly name: string };

/** How the volumes of a chain are provided. */
export interface VolumeKind {
  readonly capability: VolumeCapability;
  readonly request: Partial<CreateVolumeRequest>;
  /** Whether a volume's own quota limits it. */
  readonly hasQuota: boolean;
}

/** Calls that are made one after the other, each when the one before it is acknowledged. */
export interface Chain {
  readonly name: string;
  readonly kind: VolumeKind;
  readonly calls: readonly Call[];
}

/** An object as acknowledged calls have left it. */
export interface ObjectState {
  readonly type: 'volume' | 'snapshot';
  /** The index of the call that made it. */
  readonly madeBy: number;
  readonly mebibytes: number;
  /** Undefined: the default for its size. */
  readonly inodes: number | undefined;
  readonly files: readonly string[];
}

export type State = ReadonlyMap<string, ObjectState>;

const directory: VolumeKind = { capability: mountCapability(), request: {}, hasQuota: true };
const image: VolumeKind = {
  capability: fileSystem('ext4'),
  request: { parameters: { backend: 'image' } },
  hasQuota: false,
};

/**
 * The chains of a load. The first runs alone, so that no other call's syncs hide a missing one; then the rest run at
 * once.
 */
export function makeLoad({
  canLimitInodes,
  hasImages,
}: Record<'canLimitInodes' | 'hasImages', boolean>): Chain[] {
  const limitInodes: Call[] = canLimitInodes ? [{ kind: 'limit inodes', name: 'd-c', inodes: 5000 }] : [];
  return [
    { name: 'd', kind: directory, calls: [...life('d', 8), ...limitInodes] },
    ...(hasImages ? [{ name: 'i', kind: image, calls: life('i', 16) }] : []),
    { name: 'r', kind: directory, calls: [...reuse('r'), ...reuse('r')] },
  ];
}

function life(chain: string, mebibytes: number): Call[] {
  const [volume, snapshot, restored, clone] = [
    `${chain}-a`,
    `${chain}-s`,
    `${chain}-b`,
    `${chain}-c`,
  ] as const;
  return [
    { kind: 'create', name: volume, mebibytes },
    { kind: 'write', name: volume, file: 'first' },
    { kind: 'snapshot', name: snapshot, from: volume },
    { kind: 'write', name: volume, file: 'second' },
    { kind: 'create', name: restored, mebibytes, from: snapshot },
    { kind: 'expand', name: volume, mebibytes: mebibytes * 2 },
    { kind: 'create', name: clone, mebibytes: mebibytes * 2, from: volume },
    { kind: 'write', name: clone, file: 'third' },
    { kind: 'delete', name: snapshot },
    { kind: 'delete', name: volume },
    { kind: 'expand', name: clone, mebibytes: mebibytes * 3 },
  ];
}

function reuse(chain: string): Call[] {
  const name = `${chain}-a`;
  return [
    { kind: 'create', name, mebibytes: 4 },
    { kind: 'write', name, file: 'first' },
    { kind: 'delete', name },
  ];
}

/** The objects of a chain after its first calls. */
export function stateAfter({ calls }: Chain, count: number): State {
  const state = new Map<string, ObjectState>();
  const find = (name: string): ObjectState => {
    const found = state.get(name);
    if (!found) throw new Error(`no call has made ${name}`);
    return found;
  };
  for (const [index, call] of calls.slice(0, count).entries()) {
    const { kind, name } = call;
    if (kind === 'create') {
      const files = call.from === undefined ? [] : find(call.from).files;
      const { mebibytes } = call;
      state.set(name, { type: 'volume', madeBy: index, mebibytes, inodes: undefined, files });
    } else if (kind === 'snapshot') {
      state.set(name, { ...find(call.from), type: 'snapshot', madeBy: index });
    } else if (kind === 'write') {
      state.set(name, { ...find(name), files: [...find(name).files, call.file] });
    } else if (kind === 'expand') {
      state.set(name, { ...find(name), mebibytes: call.mebibytes });
    } else if (kind === 'limit inodes') {
      state.set(name, { ...find(name), inodes: call.inodes });
    } else {
      state.delete(name);
    }
  }
  return state;
}

/** The content of a file: not a whole number of blocks. */
export function contentOf(file: string): Buffer {
  return Buffer.alloc(150_001, `${file} `);
}
