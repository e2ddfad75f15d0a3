import { securityLabel, setEntryLabel, setSecurityLabel } from '../attributes/security-label.ts';
import type { Place } from '../calls/entry-name.ts';
import { errno, isErrno } from '../calls/errno.ts';
import { withPath } from '../calls/path-handle.ts';
import { StopFlag } from '../calls/stop-flag.ts';
import { withCloneToWalk } from '../mounts/bind-mount.ts';
import { type TreeVisitor, type Visit, type WalkedDirectory, walkTree } from './walk-tree.ts';

/**
 * Gives a directory and everything in it an SELinux label. The directory itself gets it last: if it has the label already, so
 * has everything in it, and nothing is read. Blocks its thread.
 * @returns whether the tree was walked
 * @throws KernelError EOPNOTSUPP: its file system has no labels of its own
 */
export async function labelTree(path: string, label: string): Promise<boolean> {
  return withPath(path, async (fd) => {
    if (securityLabel(fd) === label) return false;
    await withCloneToWalk(fd, (treeFd) => {
      walkTree(treeFd, new Labeller(label), new StopFlag());
      setSecurityLabel(treeFd, label);
    });
    return true;
  });
}

class Labeller implements TreeVisitor<true> {
  private readonly label: string;

  constructor(label: string) {
    this.label = label;
  }

  directory({ fd, trail }: WalkedDirectory, parent: true | undefined, walk: (context: true) => Visit): void {
    // The top is labelled when everything else is; a directory deep in the tree is visited a second time, for its entries.
    if (parent !== undefined && trail !== undefined) unlessRefused(() => setSecurityLabel(fd, this.label));
    walk(true);
  }

  leaf(leaf: Place): Visit {
    unlessRefused(() => setEntryLabel(leaf, this.label));
    return 'visited';
  }
}

/** What is gone needs no label, and what its owner has made immutable keeps the one that it has. */
function unlessRefused(set: () => void): void {
  try {
    set();
  } catch (error) {
    if (!isErrno(error, errno.ENOENT, errno.EPERM, errno.EACCES)) throw error;
  }
}
