import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { type ImageOptions, mountedImage, mountImageIn } from '../../support/disk-image.ts';
import { newDirectory, removeWithMounts } from '../../support/scratch.ts';

/** A file system that can have project quotas: how it is made, and how it is mounted with them and without. */
export interface QuotaFileSystem {
  readonly name: string;
  /** The error of a writer that exceeds the limit. */
  readonly refusal: 'ENOSPC' | 'EDQUOT';
  /** Whether a writer with CAP_SYS_RESOURCE, as root usually has, is limited as well. */
  readonly holdsRoot: boolean;
  /** Makes a file system for one test, with quotas enforced. @returns where it is mounted */
  readonly withQuota: (sizeBytes?: number) => string;
  /** How that is made and mounted. */
  readonly image: ImageOptions;
  /** Ways to count projects without enforcing their limits. */
  readonly countingOnly: Readonly<Record<string, () => string>>;
  /** Ways not to count projects. */
  readonly withoutQuota: Readonly<Record<string, () => string>>;
}

const mkfsXfs = ['mkfs.xfs', '-q', '-K'];
const mkfsExt4 = ['mkfs.ext4', '-q'];
const withQuotaFeature = [...mkfsExt4, '-O', 'project,quota', '-E', 'quotatype=prjquota'];

const xfsImage = { mkfs: mkfsXfs, mountOptions: 'prjquota' };
const ext4Image = { mkfs: withQuotaFeature, mountOptions: 'prjquota' };

export const xfs: QuotaFileSystem = {
  name: 'XFS',
  refusal: 'ENOSPC',
  holdsRoot: true,
  withQuota: (sizeBytes) => mountedImage({ ...xfsImage, sizeBytes }),
  image: xfsImage,
  countingOnly: {
    'mounted with pqnoenforce': () => mountedImage({ mkfs: mkfsXfs, mountOptions: 'pqnoenforce' }),
  },
  withoutQuota: {
    'mounted without quota': () => mountedImage({ mkfs: mkfsXfs }),
    'mounted with user quota': () => mountedImage({ mkfs: mkfsXfs, mountOptions: 'usrquota' }),
  },
};

export const ext4: QuotaFileSystem = {
  name: 'ext4',
  refusal: 'EDQUOT',
  holdsRoot: false,
  withQuota: (sizeBytes) => mountedImage({ ...ext4Image, sizeBytes }),
  image: ext4Image,
  countingOnly: {
    'mounted without quota': () => mountedImage({ mkfs: withQuotaFeature }),
    'mounted with noquota': () => mountedImage({ mkfs: withQuotaFeature, mountOptions: 'noquota' }),
  },
  withoutQuota: {
    'made without quota': () => mountedImage({ mkfs: mkfsExt4 }),
    'made with projects but without quota': () => mountedImage({ mkfs: [...mkfsExt4, '-O', 'project'] }),
  },
};

/** One with quotas in force for all tests of a file. @returns what makes a directory in it, for each test its own */
export function sharedQuota({ image }: QuotaFileSystem): () => string {
  let root = '';
  beforeAll(() => {
    const directory = newDirectory();
    root = mountImageIn(directory, image);
    return () => removeWithMounts(directory);
  });
  return () => {
    const path = mkdtempSync(join(root, 'own-'));
    chmodSync(path, 0o755);
    return path;
  };
}
