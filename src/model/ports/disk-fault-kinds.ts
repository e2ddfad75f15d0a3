import type { VolumeErrorKind } from '../errors.ts';

/** What each fault of a disk is to the caller; the same for the disk of a pool and for that of a path. */
export const faultKinds = {
  full: 'exhausted',
  overQuota: 'exhausted',
  readOnly: 'unavailable',
  damaged: 'unavailable',
  failing: 'unavailable',
  fileTooLarge: 'out-of-range',
  tooManyFilesOpen: 'unavailable',
  noMemory: 'unavailable',
} as const satisfies Record<string, VolumeErrorKind>;
