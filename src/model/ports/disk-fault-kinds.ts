import type { VolumeErrorKind } from '../errors.ts';

/** The error kind for each fault of a disk; the same for the disk of a pool and for that of a path. */
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
