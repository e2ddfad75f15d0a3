import { about, type PathSubject } from '../errors.ts';
import { checkNotUsedAs, mountToUnmount } from '../find/check-mount-path.ts';
import { checkOwner } from '../find/mount-owner.ts';
import { inspectPath } from '../find/staged-content.ts';
import type { Host, Parts } from '../parts.ts';
import type { PathState } from '../ports/paths-port.ts';

/** A staging or target path that a call wants to have unmounted. */
export interface UnmountTarget {
  readonly subject: PathSubject;
  readonly path: string;
  readonly state: PathState;
  /** The topmost mount at the path; undefined if nothing is mounted there. */
  readonly mountId: number | undefined;
}

/**
 * Checks that what is at a path may be unmounted for a volume.
 * @param otherUse what the path must not be known for
 * @throws VolumeError precondition: the mount is another volume's or not this driver's; invalid: the path has the other use
 */
export async function checkUnmount(
  parts: Parts<'catalogue' | 'host'>,
  volumeId: string,
  subject: PathSubject,
  path: string,
  otherUse: 'staging' | 'target',
): Promise<UnmountTarget> {
  const state = await inspectPath(parts.host, subject, path);
  const mountId = mountToUnmount(subject, path, state);
  if (mountId !== undefined) await checkOwner(parts, subject, volumeId, path, mountId);
  checkNotUsedAs(parts.host, subject, path, otherUse);
  return { subject, path, state, mountId };
}

/** Unmounts what is at a path that was checked, and forgets it. */
export async function unmountPath(host: Host, { subject, path, mountId }: UnmountTarget): Promise<void> {
  if (mountId !== undefined) await about(subject, host.mounts.unmount(path));
  host.mountIndex.removePath(path);
}
