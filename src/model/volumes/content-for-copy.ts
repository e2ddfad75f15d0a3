import type { FoundSource } from '../copying/find-source.ts';
import { invalidValue, quote, VolumeError } from '../errors.ts';
import type { Encryption } from '../objects/encryption.ts';
import { intendedFsType } from '../objects/volume.ts';
import type { Host } from '../parts.ts';
import type { Pool } from '../ports/pool.ts';
import type { Provisioning } from './capability-problems.ts';
import { type ContentRequest, isPlannedEnforced } from './choose-content.ts';
import type { VolumeSpec } from './create-volume.ts';

/**
 * How a copy is provided: like its original, an image as an image and a directory as the kind of directory that the
 * pool has. A mounted volume may become a block volume; the reverse only if the request allows it, since the user of
 * a block volume may write a file system on it that was made to harm the node that mounts it.
 * @throws VolumeError invalid: the request asks for something else
 */
export async function contentForCopy(
  host: Host,
  pool: Pool,
  { contentRequest, allowsModeChange }: Pick<VolumeSpec, 'contentRequest' | 'allowsModeChange'>,
  source: FoundSource,
): Promise<ContentRequest> {
  const { imageUse, original } = source;
  if (imageUse === undefined) return directoryRequest(pool, contentRequest);
  if (contentRequest.backend === 'directory') {
    throw invalidValue(
      'backend',
      contentRequest.backend,
      'cannot hold the content source, which is an image',
    );
  }
  checkSameEncryption(imageUse.encryption, contentRequest.encryption);
  if (contentRequest.isBlock) return { ...contentRequest, backend: 'image' };
  // Applies to blank content as well, so that the rule is predictable.
  if (imageUse.accessType === 'block' && !allowsModeChange) throw modeChangeRefused();
  const made = intendedFsType(imageUse);
  const contents = await host.formatter.inspect(original.path);
  if (imageUse.encryption && imageUse.accessType === 'block') {
    const message =
      'an encrypted block volume can only be copied to a block volume: its file system cannot be checked';
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  const found = imageUse.encryption && contents === 'luks2' ? (made ?? 'unknown') : contents;
  if (found === 'unknown' || found === 'luks2') {
    const message = 'the content source has no recognised file system; request a block volume';
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  const hasFileSystem = found !== 'blank';
  if (contentRequest.fsType !== undefined && hasFileSystem && found !== contentRequest.fsType) {
    const why = `does not match the file system of the content source, ${found}`;
    throw invalidValue('fsType', contentRequest.fsType, why);
  }
  return {
    ...contentRequest,
    backend: 'image',
    fsType: contentRequest.fsType ?? (hasFileSystem ? found : made),
  };
}

/** A copy has the header of its source, and its calls bring the key. */
function checkSameEncryption(of: Encryption | undefined, requested: Encryption | undefined): void {
  if (of?.format === requested?.format) return;
  if (of)
    throw invalidValue(
      'encryption',
      requested?.format ?? 'none',
      `must be ${of.format}, as of the content source`,
    );
  throw invalidValue('encryption', requested?.format, 'is impossible: the content source is not encrypted');
}

function modeChangeRefused(): VolumeError {
  const message =
    'must be "true" to mount the content of a block volume: its user may have written a file system that harms the node';
  return new VolumeError('invalid', message, { about: 'allowVolumeModeChange' });
}

function directoryRequest({ name, abilities }: Pool, contentRequest: ContentRequest): ContentRequest {
  if (contentRequest.isBlock) {
    const message = 'a block volume cannot be created from the content source, which is a directory';
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  if (contentRequest.backend === 'image') {
    throw invalidValue(
      'backend',
      contentRequest.backend,
      'cannot hold the content source, which is a directory',
    );
  }
  if (contentRequest.enforceCapacity === 'strict') {
    const why =
      'is not possible: the content source is a directory, and only images enforce the capacity strictly';
    throw invalidValue('enforceCapacity', contentRequest.enforceCapacity, why);
  }
  if (contentRequest.enforceCapacity === 'required' && !isPlannedEnforced(abilities.directories)) {
    const why = `is not possible: the content source is a directory, and pool ${quote(name)} has no quota in force`;
    throw invalidValue('enforceCapacity', contentRequest.enforceCapacity, why);
  }
  return { ...contentRequest, backend: 'directory' };
}

/**
 * Checks that the file system in a copied image can be mounted, and fits the volume: on a block volume its user wrote
 * it, and it may claim any size.
 * @throws VolumeError out-of-range; invalid: staging would refuse to mount it
 */
export async function checkMountable(
  host: Host,
  plan: Provisioning,
  { original, imageUse }: FoundSource,
  capacityBytes: bigint,
): Promise<void> {
  // What is encrypted is checked when it is staged.
  if (plan.backend !== 'image' || plan.use.accessType === 'block' || plan.use.encryption) return;
  const reason = await host.formatter.mountRefusalReason(original.path);
  if (reason !== undefined) {
    const message = `the file system of the content source is refused: ${reason}`;
    throw new VolumeError('invalid', message, { about: 'capability' });
  }
  if (imageUse?.accessType !== 'block') return;
  const fault = await host.formatter.faultOf(original.path);
  if (fault?.kind !== 'cut off' || fault.fileSystemBytes <= capacityBytes) return;
  const message = `${capacityBytes} is smaller than the file system of the content source (${fault.fileSystemBytes} bytes)`;
  throw new VolumeError('out-of-range', message, { about: 'requiredBytes' });
}
