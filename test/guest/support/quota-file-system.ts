import { mountedImage } from '../../support/disk-image.ts';

/** A file system that can have project quotas: how it is made, and how it is mounted with them and without. */
export interface QuotaFileSystem {
  readonly name: string;
  /** What a writer gets who may write no more. */
  readonly refusal: 'ENOSPC' | 'EDQUOT';
  /** Whether a writer with CAP_SYS_RESOURCE, as root usually has, is held as well. */
  readonly holdsRoot: boolean;
  /** Makes one for one test, with quotas in force. @returns where it is mounted */
  readonly withQuota: (sizeBytes?: number) => string;
  /** Ways for projects to be counted, but not kept within their limits. */
  readonly countingOnly: Readonly<Record<string, () => string>>;
  /** Ways for projects not to be counted. */
  readonly withoutQuota: Readonly<Record<string, () => string>>;
}

const mkfsXfs = ['mkfs.xfs', '-q', '-K'];
const mkfsExt4 = ['mkfs.ext4', '-q'];
const withQuotaFeature = [...mkfsExt4, '-O', 'project,quota', '-E', 'quotatype=prjquota'];

export const xfs: QuotaFileSystem = {
  name: 'XFS',
  refusal: 'ENOSPC',
  holdsRoot: true,
  withQuota: (sizeBytes) => mountedImage({ mkfs: mkfsXfs, mountOptions: 'prjquota', sizeBytes }),
  countingOnly: {
    'mounted with pqnoenforce': () => mountedImage({ mkfs: mkfsXfs, mountOptions: 'pqnoenforce' }),
  },
  withoutQuota: {
    'mounted without': () => mountedImage({ mkfs: mkfsXfs }),
    'mounted with the quota of users': () => mountedImage({ mkfs: mkfsXfs, mountOptions: 'usrquota' }),
  },
};

export const ext4: QuotaFileSystem = {
  name: 'ext4',
  refusal: 'EDQUOT',
  holdsRoot: false,
  withQuota: (sizeBytes) => mountedImage({ mkfs: withQuotaFeature, mountOptions: 'prjquota', sizeBytes }),
  countingOnly: {
    'mounted without': () => mountedImage({ mkfs: withQuotaFeature }),
    'mounted with noquota': () => mountedImage({ mkfs: withQuotaFeature, mountOptions: 'noquota' }),
  },
  withoutQuota: {
    'made without': () => mountedImage({ mkfs: mkfsExt4 }),
    'made with projects but without quota': () => mountedImage({ mkfs: [...mkfsExt4, '-O', 'project'] }),
  },
};
