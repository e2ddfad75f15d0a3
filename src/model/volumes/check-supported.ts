import { quote, type VolumeErrorKind } from '../errors.ts';
import { imageOf } from '../find/staged-content.ts';
import { encryptionOf } from '../objects/encryption.ts';
import { intendedFsType, isBlock, type Volume } from '../objects/volume.ts';
import type { Host, Parts } from '../parts.ts';
import { isFileSystem } from '../ports/devices-port.ts';
import { fsTypeOf, type VolumeCapability } from '../requests/capability.ts';
import { defaultFileSystemType } from '../requests/file-system-options.ts';
import { type CapabilityProblem, capabilityError, capabilityProblem } from './capability-problems.ts';

/**
 * Checks that an existing volume supports a capability.
 * @param kind of the error: the specification's tables have different codes for calls that exceed the capabilities
 * @throws VolumeError
 */
export async function checkSupported(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  capability: VolumeCapability,
  kind: VolumeErrorKind = 'precondition',
): Promise<void> {
  const problem = await capabilityProblemOf(parts, volume, capability);
  if (problem) throw capabilityError(problem, kind);
}

/** Why an existing volume does not support a capability; undefined if it does. */
export async function capabilityProblemOf(
  parts: Parts<'catalogue' | 'host'>,
  volume: Volume,
  capability: VolumeCapability,
): Promise<CapabilityProblem | undefined> {
  const { content } = volume;
  if (content.backend !== 'image' || isBlock(content) || capability.accessType === 'block') {
    return capabilityProblem(content, capability);
  }
  const found = await parts.host.formatter.inspect(await imageOf(parts, volume));
  const isExpected = found === 'blank' || (encryptionOf(content) ? found === 'luks2' : isFileSystem(found));
  if (!isExpected) {
    const message = `volume ${quote(volume.id)} contains an unrecognised file system or data; left untouched`;
    return { about: 'capability', message };
  }
  if (isFileSystem(found)) {
    return capabilityProblem({ backend: 'image', use: { accessType: 'mount', fsType: found } }, capability);
  }
  const problem = capabilityProblem(content, capability);
  return problem ?? (found === 'blank' ? sizeProblem(parts.host, volume, capability) : undefined);
}

/** Why a blank volume is too small for its file system; undefined if it is large enough. */
function sizeProblem(
  { formatter }: Host,
  { capacityBytes, content }: Volume,
  capability: VolumeCapability,
): CapabilityProblem | undefined {
  const made = content.backend === 'image' ? intendedFsType(content.use) : undefined;
  const fsType = fsTypeOf(capability) ?? made ?? defaultFileSystemType;
  const minimumBytes = formatter.minimumBytes[fsType];
  if (capacityBytes >= minimumBytes) return undefined;
  const message = `${fsType} needs at least ${minimumBytes} bytes, but the volume has ${capacityBytes}; expand it or request another file system`;
  return { about: 'fsType', message };
}
