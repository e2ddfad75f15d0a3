import { invalidField, VolumeError } from '../model/errors.ts';
import { deletePolicies, type MutableParameters, mutableParameterNames } from '../model/objects/volume.ts';
import type { Features } from '../model/state/model.ts';
import { isOfKubernetes } from './kubernetes-keys.ts';
import { unknownParameter } from './unknown-parameter.ts';

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
  { mutableParameters: taken }: Features,
  parameters: Readonly<Record<string, string>>,
): Partial<MutableParameters> {
  const keys = Object.keys(parameters).filter((key) => !isOfKubernetes(key));
  if (keys.length === 0) return {};
  if (!taken) {
    throw new VolumeError('invalid', 'mutable_parameters: the driver does not declare MODIFY_VOLUME');
  }
  const unknown = keys.find((key) => !taken.has(key));
  if (unknown !== undefined) {
    throw unknownParameter('mutable_parameters', unknown, [...taken]);
  }
  const { onDelete, inodeLimit } = parameters as Partial<Record<MutableParameterName, string>>;
  const isOurs = (key: string) => mutableParameterNames.some((name) => name === key);
  const opaque = keys.filter((key) => !isOurs(key)).map((key) => [key, parameters[key] ?? '']);
  return {
    ...(onDelete === undefined ? {} : { onDelete: parseDeletePolicy(onDelete) }),
    ...(inodeLimit === undefined ? {} : { inodeLimit: parseInodeLimit(inodeLimit) }),
    ...(opaque.length === 0 ? {} : { opaque: Object.fromEntries(opaque) }),
  };
}

function parseDeletePolicy(text: string): MutableParameters['onDelete'] {
  const policy = deletePolicies.find((each) => each === text);
  if (policy !== undefined) return policy;
  throw invalidField('mutable_parameters.onDelete', text, `is none of ${deletePolicies.join(', ')}`);
}

/** Without its own limit, a volume has the default limit for its size. */
function parseInodeLimit(text: string): bigint | undefined {
  if (text === 'default') return undefined;
  const limit = /^\d{1,19}$/.test(text) ? BigInt(text) : 0n;
  if (limit >= 1n && limit <= LARGEST_COUNT) return limit;
  throw invalidField(
    'mutable_parameters.inodeLimit',
    text,
    'is neither a decimal number from 1 on nor default',
  );
}
