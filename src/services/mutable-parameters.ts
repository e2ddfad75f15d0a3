import { invalidField, VolumeError } from '../model/errors.ts';
import { deletePolicies, type MutableParameters, mutableParameterNames } from '../model/objects/volume.ts';
import type { Features } from '../model/settings.ts';
import { parseLifetimeSeconds } from '../units/lifetime.ts';
import { isKubernetesKey, type ParameterField, unknownParameter } from './unknown-parameter.ts';

type MutableParameterName = (typeof mutableParameterNames)[number];

// The largest count that a record can hold.
const LARGEST_COUNT = 2n ** 63n - 1n;

/**
 * Parses the mutable parameters in a request. Parameters that this driver accepts but does not use are stored
 * unchanged; those of Kubernetes itself are ignored.
 * @throws VolumeError invalid: an unknown parameter, one that this driver was not configured to accept, or an invalid
 *   value
 */
export function parseMutableParameters(
  { mutableParameters: accepted }: Features,
  parameters: Readonly<Record<string, string>>,
): Partial<MutableParameters> {
  const keys = Object.keys(parameters).filter((key) => !isKubernetesKey(key));
  if (keys.length === 0) return {};
  if (!accepted) {
    throw new VolumeError('invalid', 'mutable_parameters: the driver does not declare MODIFY_VOLUME');
  }
  const unknown = keys.find((key) => !accepted.has(key));
  if (unknown !== undefined) {
    throw unknownParameter('mutable_parameters', unknown, [...accepted]);
  }
  const { onDelete, archiveExpiry, inodeLimit } = parameters as Partial<Record<MutableParameterName, string>>;
  const isImplemented = (key: string) => mutableParameterNames.some((name) => name === key);
  const opaque = keys.filter((key) => !isImplemented(key)).map((key) => [key, parameters[key] ?? '']);
  return {
    ...parseDeletion('mutable_parameters', { onDelete, archiveExpiry }),
    ...(inodeLimit === undefined ? {} : { inodeLimit: parseInodeLimit(inodeLimit) }),
    ...(opaque.length === 0 ? {} : { opaque: Object.fromEntries(opaque) }),
  };
}

/** The parameters that say what becomes of the content of a deleted volume. */
export type Deletion = Pick<MutableParameters, 'onDelete' | 'archiveExpirySeconds'>;

/**
 * Parses those of them that are given, in a class of either kind.
 * @throws VolumeError invalid
 */
export function parseDeletion(
  field: ParameterField,
  { onDelete, archiveExpiry }: Partial<Record<MutableParameterName, string | undefined>>,
): Partial<Deletion> {
  return {
    ...(onDelete === undefined ? {} : { onDelete: parseDeletePolicy(`${field}.onDelete`, onDelete) }),
    ...(archiveExpiry === undefined
      ? {}
      : { archiveExpirySeconds: parseArchiveExpiry(`${field}.archiveExpiry`, archiveExpiry) }),
  };
}

function parseDeletePolicy(field: string, text: string): Deletion['onDelete'] {
  const policy = deletePolicies.find((each) => each === text);
  if (policy !== undefined) return policy;
  throw invalidField(field, text, `must be one of ${deletePolicies.join(', ')}`);
}

function parseArchiveExpiry(field: string, text: string): number | undefined {
  if (text === 'never') return undefined;
  const seconds = parseLifetimeSeconds(text);
  if (seconds !== undefined) return seconds;
  throw invalidField(field, text, 'must be never, or a time such as 30d, 72h or 1d12h, up to 36500d');
}

/** Without its own limit, a volume has the default limit for its size. */
function parseInodeLimit(text: string): bigint | undefined {
  if (text === 'default') return undefined;
  const limit = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  if (limit >= 1n && limit <= LARGEST_COUNT) return limit;
  throw invalidField('mutable_parameters.inodeLimit', text, 'must be default or a positive decimal number');
}
