import { quote, VolumeError } from '../model/errors.ts';
import { nearestName } from '../text/nearest-name.ts';

const KUBERNETES_PREFIX = 'csi.storage.k8s.io/';

/**
 * Whether Kubernetes or one of its sidecars added this key to the parameters, such as the name of the claim. Only they
 * interpret such keys.
 */
export function isKubernetesKey(key: string): boolean {
  return key.startsWith(KUBERNETES_PREFIX);
}

/** The request fields whose content users write in classes and pods. */
export type ParameterField = 'parameters' | 'volume_context' | 'mutable_parameters';

const poolAdvice = 'did you mean pool?';
const fileSystemAdvice = 'did you mean csi.storage.k8s.io/fstype?';
const thinAdvice = 'did you mean provisioning?';
const formatAdvice = 'did you mean mkfsOptions?';
const modeAdvice = 'did you mean mode?';
const archiveAdvice = 'did you mean onDelete: archive?';
const mutableAdvice = 'it is a mutable parameter, to be set in a VolumeAttributesClass';

/** Parameters of other drivers' StorageClasses, in lower case, and their equivalents in this driver. */
const adviceByKey: ReadonlyMap<string, string> = new Map([
  ['storagepool', poolAdvice],
  ['poolname', poolAdvice],
  ['volumegroup', poolAdvice],
  ['fstype', fileSystemAdvice],
  ['filesystem', fileSystemAdvice],
  ['thinprovision', thinAdvice],
  ['thinprovisioned', thinAdvice],
  ['formatoptions', formatAdvice],
  ['mkfsparams', formatAdvice],
  ['pathpattern', 'omit it: the driver chooses the volume paths; nameTemplate makes links to them'],
  ['mountpermissions', modeAdvice],
  ['directoryperms', modeAdvice],
  ['archiveondelete', archiveAdvice],
  ['inodelimit', mutableAdvice],
]);

/** Rejects an unknown key, and suggests the one that may have been meant. */
export function unknownParameter(
  field: ParameterField,
  key: string,
  expected: readonly string[],
): VolumeError {
  const advice = adviceFor(field, key, expected);
  const known =
    expected.length === 0 ? 'no parameters are supported' : `expected one of ${expected.join(', ')}`;
  const hint = advice === undefined ? '' : ` ${advice}${advice.endsWith('?') ? '' : ';'}`;
  return new VolumeError('invalid', `${field}: unknown parameter ${quote(key)};${hint} ${known}`);
}

function adviceFor(field: ParameterField, key: string, expected: readonly string[]): string | undefined {
  const nearest = nearestName(key, expected);
  if (nearest !== undefined) return `did you mean ${nearest}?`;
  const advice = adviceByKey.get(key.toLowerCase());
  if (field === 'parameters') return advice;
  if (field === 'mutable_parameters' || advice === mutableAdvice || advice === archiveAdvice)
    return undefined;
  // In a pod, the file system type is a field next to the volume's attributes.
  return advice === fileSystemAdvice ? 'did you mean the fsType of the volume?' : advice;
}
