import { about, type PathSubject } from '../errors.ts';
import { checkOwner } from '../find/mount-owner.ts';
import { checkUse, mountToTakeDown } from '../find/mount-place.ts';
import { inspectPath } from '../find/staged-content.ts';
import type { PathState } from '../ports/mounts-port.ts';
import type { Model } from '../state/model.ts';

/** A staging or target path that a call wants to have unmounted. */
export interface TakenDown {
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
export async function checkTakeDown(
  model: Model,
  volumeId: string,
  subject: PathSubject,
  path: string,
  otherUse: 'staging' | 'target',
): Promise<TakenDown> {
  const state = await inspectPath(model, subject, path);
  const mountId = mountToTakeDown(subject, path, state);
  if (mountId !== undefined) await checkOwner(model, subject, volumeId, path, mountId);
  checkUse(model, subject, path, otherUse);
  return { subject, path, state, mountId };
}

/** Unmounts what is at a path that was checked, and forgets it. */
export async function takeDown(model: Model, { subject, path, mountId }: TakenDown): Promise<void> {
  if (mountId !== undefined) await about(subject, model.mounts.unmount(path));
  model.mountIndex.removePath(path);
}
