import { invalidField, VolumeError } from '../model/errors.ts';
import { deletePolicies, type MutableParameters, mutableParameterNames } from '../model/objects/volume.ts';
import type { Features } from '../model/state/model.ts';
import { isOfKubernetes } from './kubernetes-keys.ts';
import { unknownParameter } from './unknown-parameter.ts';

type MutableParameterName = (typeof mutableParameterNames)[number];

// What a record can hold.
const LARGEST_COUNT = 2n ** 63n - 1n;

/**
 * Parses the mutable parameters of a request: those that are named. Those that this driver was told to take and that mean
 * nothing to it are kept as they are; those of Kubernetes itself are passed over.
 * @throws VolumeError invalid: one that there is not, or that this driver was not told to take, or a wrong value
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

/** Without a limit of its own a volume has the one that goes with its size. */
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
