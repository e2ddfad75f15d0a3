import { quote, type VolumeErrorKind } from '../errors.ts';
import { imageOf } from '../find/staged-content.ts';
import { fsTypeMadeFor, isBlock, type Volume } from '../objects/volume.ts';
import { fsTypeOf, type VolumeCapability } from '../requests/capability.ts';
import { defaultFileSystemType } from '../requests/file-system-type.ts';
import type { Model } from '../state/model.ts';
import { type Objection, objectionError, unsuitable } from './objections.ts';

/**
 * Checks that an existing volume supports a capability.
 * @param kind of the error: the specification's tables have different codes for calls that exceed the capabilities
 * @throws VolumeError
 */
export async function checkSuitable(
  model: Model,
  volume: Volume,
  capability: VolumeCapability,
  kind: VolumeErrorKind = 'precondition',
): Promise<void> {
  const objection = await objectionTo(model, volume, capability);
  if (objection) throw objectionError(objection, kind);
}

/** Why an existing volume does not support a capability; undefined if it does. */
export async function objectionTo(
  model: Model,
  volume: Volume,
  capability: VolumeCapability,
): Promise<Objection | undefined> {
  const { content } = volume;
  if (content.backend !== 'image' || isBlock(content) || capability.accessType === 'block') {
    return unsuitable(content, capability);
  }
  const found = await model.formatter.inspect(await imageOf(model, volume));
  if (found === 'unknown') {
    const message = `volume ${quote(volume.id)} holds something that is no file system of this driver; it is left as it is`;
    return { about: 'capability', message };
  }
  if (found !== 'blank') {
    return unsuitable({ backend: 'image', use: { accessType: 'mount', fsType: found } }, capability);
  }
  return unsuitable(content, capability) ?? sizeObjection(model, volume, capability);
}

/** Why a blank volume is too small for its file system; undefined if it is large enough. */
function sizeObjection(
  { formatter }: Model,
  { capacityBytes, content }: Volume,
  capability: VolumeCapability,
): Objection | undefined {
  const made = content.backend === 'image' ? fsTypeMadeFor(content.use) : undefined;
  const fsType = fsTypeOf(capability) ?? made ?? defaultFileSystemType;
  const minimumBytes = formatter.minimumBytes[fsType];
  if (capacityBytes >= minimumBytes) return undefined;
  const message = `${fsType} needs ${minimumBytes} bytes, and the volume has ${capacityBytes}; expand it, or ask for another file system`;
  return { about: 'fsType', message };
}
