import { ProjectIds } from '../backends/directory/project-ids.ts';
import { Account } from '../model/objects/account.ts';

/** The state shared by the pools on one disk. */
export interface Disk {
  /** The bytes reserved on it for volumes with an enforced size. */
  readonly account: Account;
  readonly projectIds: ProjectIds;
}

/** The disks of all pools. */
export class Disks {
  private readonly byKey = new Map<string, Disk>();

  /** @param key from `diskOf` */
  get(key: string): Disk {
    const disk = this.byKey.get(key) ?? { account: new Account(undefined), projectIds: new ProjectIds() };
    this.byKey.set(key, disk);
    return disk;
  }
}
