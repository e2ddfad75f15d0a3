import type { HealthReason } from '../model/objects/finding.ts';

/** What to do about each problem, as in docs/reference/health.md. */
export const remedies: Readonly<Record<HealthReason, string>> = {
  RecordDamaged:
    'Restore the record from a backup, or move the data out of <pool>/volumes/<id>/ and remove that directory. Then restart the driver.',
  DataMissing: 'Restore it from a snapshot or backup. Unpublish, unstage and delete work.',
  ImageTruncated: 'Stop using the volume and restore it from a snapshot or backup.',
  FileSystemUnknown: 'Unstage, and repair the image with the tools of its file system, or restore it.',
  FileSystemRefused:
    'Unstage, and change the superblock with the command in the log, if there is one; otherwise copy the data out and restore it into a new volume.',
  PoolUnreachable: 'Mount the disk. The next call finds it; no restart is needed.',
  DiskError:
    'Check the kernel log; repair or replace the disk. Delete the pod: unpublish and unstage remove failing mounts.',
  NotMounted: 'Delete the pod: the volume is unpublished, and published again for the new pod.',
  NotAttached: 'Delete the pod; the volume must be staged again.',
  DetachedByOthers:
    'Find out which program did it. Delete the pod or restart the driver: staging again, or a restart, cancels the detach.',
  WrongMount: 'Unmount it, or delete the pod.',
  FileSystemErrors:
    'Check the kernel log. Unstage (delete the pods): ext4 is checked at the next stage. If the check cannot repair it, the stage fails with an error that names the command to run. btrfs keeps its counters until btrfs device stats --reset; of a pool, check the content of its images first. For a pool on ext4, unmount its disk, run e2fsck -f, and mount it again.',
  ExpansionIncomplete: 'Call NodeExpandVolume, or unstage and stage the volume again, writable.',
  UnexpectedlyReadOnly:
    'Check the kernel log. Unstage (delete the pods), check the file system, and stage again. For a subvolume the log has the command.',
  PoolReadOnly: "Check the kernel log and the disk's file system, and mount it again.",
  ConfigurationRefused: 'Correct the file.',
  DeletedContentLeft:
    'Remove the obstacle (chattr -i, umount). The driver tries again at least every five minutes.',
  CapacityNotEnforced:
    'Give it a limit: the log has the command, if there is one. For new volumes set enforceCapacity: required. If the device is too large, expand the volume to its size.',
  QuotaBypassed: 'Ask the users of the volume. If they cannot be trusted, use enforceCapacity: strict.',
  QuotaMisused: 'Nothing; the other volumes report QuotaBypassed.',
  NearlyOutOfSpace: 'Expand the volume or delete data; for a pool, free space on its disk.',
  NearlyOutOfInodes: 'As for NearlyOutOfSpace.',
  Frozen:
    'The log has the reason. Every health call for the volume tries again, and so does a restart. To thaw it by hand, run fsfreeze --unfreeze <staging path>; the next call then reports no problem.',
};
