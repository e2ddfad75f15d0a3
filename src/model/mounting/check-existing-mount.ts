import { type PathSubject, quote, VolumeError } from '../errors.ts';
import { isSame } from '../find/staged-content.ts';
import type { Host } from '../parts.ts';
import type { DirectoryState, MountedState } from '../ports/paths-port.ts';
import { type CapabilityPart, capabilityDifference, type VolumeCapability } from '../requests/capability.ts';
import { combineFlags, differingFlags, type RequestedFlags } from '../requests/mount-flags.ts';

/**
 * Checks that the mount at a path is the one that this call would make.
 * @throws VolumeError precondition: something else is mounted; already-exists: the volume is, with other flags
 */
export function checkExistingMount(
  subject: PathSubject,
  path: string,
  mounted: MountedState,
  source: Pick<DirectoryState | MountedState, 'identity' | 'flags'>,
  flags: RequestedFlags,
): void {
  if (!isSame(mounted.identity, source.identity)) throw occupiedError(subject, path);
  checkFlags(subject, path, mounted, combineFlags(source.flags, flags));
}

/** @throws VolumeError already-exists: the volume is mounted, with other flags */
export function checkFlags(
  subject: PathSubject,
  path: string,
  mounted: MountedState,
  wanted: RequestedFlags,
): void {
  const different = differingFlags(mounted.flags, wanted);
  if (different.length === 0) return;
  const message = `the volume is already mounted at ${quote(path)}, but differs in ${different.join(', ')}`;
  throw new VolumeError('already-exists', message, { about: subject });
}

/**
 * Checks that a volume that this driver has mounted at a path was mounted for the requested capability. After a
 * restart the driver only knows what the kernel shows of the mount.
 * @throws VolumeError already-exists
 */
export function checkSameUse(
  { mountIndex }: Host,
  path: string,
  mounted: MountedState,
  capability: VolumeCapability,
): void {
  const known = mountIndex.at(path);
  if (known?.mountId !== mounted.mountId || !('capability' in known.use)) return;
  const difference = capabilityDifference(known.use.capability, capability);
  if (difference === undefined) return;
  const message = `the volume is already mounted at ${quote(path)}, with another ${described[difference]}`;
  throw new VolumeError('already-exists', message, { about: difference });
}

const described: Readonly<Record<CapabilityPart, string>> = {
  capability: 'access type',
  accessMode: 'access mode',
  fsType: 'file system',
  mountFlags: 'set of mount flags',
};

/** The path is the mount point of something other than the volume. */
export function occupiedError(subject: PathSubject, path: string): VolumeError {
  return new VolumeError('precondition', `${quote(path)} is already used by another mount`, {
    about: subject,
  });
}
