import { quote, VolumeError } from '../model/errors.ts';
import { nearestName } from '../text/nearest-name.ts';

/** The request fields whose content users write in classes and pods. */
export type ParameterField = 'parameters' | 'volume_context' | 'mutable_parameters';

const isPool = 'did you mean pool?';
const isFileSystem = 'did you mean csi.storage.k8s.io/fstype?';
const isThin = 'leave it out: volumes take space only as they are written to';
const isFormat = 'leave it out: options of mkfs cannot be chosen';
const isMode = 'did you mean mode?';
const isMutable = 'it is a mutable parameter, which a VolumeAttributesClass sets';

/** Parameters of other drivers' StorageClasses, in lower case, and their equivalents in this driver. */
const adviceByKey: ReadonlyMap<string, string> = new Map([
  ['storagepool', isPool],
  ['poolname', isPool],
  ['volumegroup', isPool],
  ['fstype', isFileSystem],
  ['filesystem', isFileSystem],
  ['thinprovision', isThin],
  ['thinprovisioned', isThin],
  ['formatoptions', isFormat],
  ['mkfsoptions', isFormat],
  ['pathpattern', 'leave it out: the driver chooses the paths of volumes'],
  ['mountpermissions', isMode],
  ['directoryperms', isMode],
  ['ondelete', isMutable],
  ['inodelimit', isMutable],
]);

/** Rejects an unknown key, and suggests the one that may have been meant. */
export function unknownParameter(
  field: ParameterField,
  key: string,
  expected: readonly string[],
): VolumeError {
  const advice = adviceOn(field, key, expected);
  const known = expected.length === 0 ? 'none is expected' : `expected one of ${expected.join(', ')}`;
  const hint = advice === undefined ? '' : ` ${advice}${advice.endsWith('?') ? '' : ';'}`;
  return new VolumeError('invalid', `${field}: unknown parameter ${quote(key)};${hint} ${known}`);
}

function adviceOn(field: ParameterField, key: string, expected: readonly string[]): string | undefined {
  const nearest = nearestName(key, expected);
  if (nearest !== undefined) return `did you mean ${nearest}?`;
  const advice = adviceByKey.get(key.toLowerCase());
  if (field === 'parameters') return advice;
  // In a pod, the file system type is a field next to the volume's attributes, and no mutable parameter can be set.
  if (field === 'volume_context' && advice === isFileSystem) return 'did you mean the fsType of the volume?';
  return field === 'volume_context' && advice !== isMutable ? advice : undefined;
}
