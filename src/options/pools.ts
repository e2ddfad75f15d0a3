import type { ValueKind } from './flag.ts';
import { parseCapacityName, parsePoolName } from './names.ts';
import { absolutePath, bytes, named, parsed } from './values.ts';

export interface PoolLocation {
  readonly name: string;
  /** Absolute; symbolic links are not resolved. */
  readonly path: string;
}

/** How much may be reserved in a pool, or for the volumes of a class in the state directory. */
export interface PoolCapacity {
  readonly name: string;
  readonly capacityBytes: bigint;
}

const namedPath = named(absolutePath);
const namedSize = named(bytes);

export const poolLocation: ValueKind<PoolLocation> = parsed(
  namedPath.placeholder,
  (given) => {
    const { name, value } = namedPath.parse(given);
    return { name: parsePoolName(name), path: value };
  },
  namedPath.forms,
);

export const poolCapacity: ValueKind<PoolCapacity> = parsed(
  namedSize.placeholder,
  (given) => {
    const { name, value } = namedSize.parse(given);
    return { name: parseCapacityName(name), capacityBytes: value };
  },
  namedSize.forms,
);
