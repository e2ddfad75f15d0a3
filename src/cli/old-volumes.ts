import { readFileSync } from 'node:fs';
import type { AccessMode } from '../model/requests/capability.ts';
import { parseQuantityBytes } from '../units/quantity.ts';

/** What a cluster knows about a volume of another provisioner. */
export interface OldVolume {
  readonly sizeBytes?: string;
  readonly claim?: { readonly namespace: string; readonly name: string };
  readonly accessModes?: readonly AccessMode[];
  readonly isBlock: boolean;
}

/** The parts of a PersistentVolume that are read; anything may be missing. */
interface PersistentVolume {
  readonly metadata?: { readonly name?: string };
  readonly spec?: {
    readonly capacity?: { readonly storage?: string };
    readonly claimRef?: { readonly namespace?: string; readonly name?: string };
    readonly accessModes?: readonly string[];
    readonly volumeMode?: string;
  };
}

/**
 * Reads the output of `kubectl get pv -o json`.
 * @returns the volumes by name
 * @throws Error with a sentence
 */
export function readOldVolumes(path: string): Map<string, OldVolume> {
  const { items } = parse(path);
  if (!Array.isArray(items)) throw new Error(`--volumes: ${path} is not a list of PersistentVolumes in JSON`);
  return new Map(
    (items as PersistentVolume[]).flatMap((each) => {
      const name = each?.metadata?.name;
      return name === undefined ? [] : [[name, oldVolume(each)] as const];
    }),
  );
}

function parse(path: string): { readonly items?: unknown } {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) ?? {};
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message;
    throw new Error(`--volumes: cannot read ${path}: ${reason}`, { cause: error });
  }
}

function oldVolume({ spec = {} }: PersistentVolume): OldVolume {
  const { capacity, claimRef, accessModes = [], volumeMode } = spec;
  const { namespace, name } = claimRef ?? {};
  const modes = [...new Set(accessModes.map(accessModeFor))];
  return {
    ...(capacity?.storage === undefined
      ? {}
      : { sizeBytes: parseQuantityBytes(capacity.storage).toString() }),
    ...(namespace === undefined || name === undefined ? {} : { claim: { namespace, name } }),
    ...(modes.length === 0 ? {} : { accessModes: modes }),
    isBlock: volumeMode === 'Block',
  };
}

/** The opposite of what `export` prints. */
function accessModeFor(mode: string): AccessMode {
  switch (mode) {
    case 'ReadWriteOncePod':
      return 'SINGLE_NODE_SINGLE_WRITER';
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY';
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER';
    default:
      return 'SINGLE_NODE_WRITER';
  }
}
