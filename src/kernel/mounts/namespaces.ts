import { readdir, readFile, readlink } from 'node:fs/promises';
import { type MountEntry, parseMountinfo } from './mountinfo.ts';

/** The mounts of one mount namespace, as one of its processes sees them. */
export interface NamespaceMounts {
  readonly isOwn: boolean;
  /** Such a process, for messages: `1234 (postgres)`. */
  readonly process: string;
  readonly mounts: readonly MountEntry[];
}

/**
 * The mounts of every mount namespace that has a process which this one sees: in a container without the PID namespace of its host,
 * that is only its own.
 */
export async function mountsOfNamespaces(): Promise<NamespaceMounts[]> {
  const own = await readlink('/proc/self/ns/mnt');
  const found = new Map<string, NamespaceMounts>();
  for (const pid of [String(process.pid), ...(await readdir('/proc')).filter((name) => /^\d+$/.test(name))]) {
    try {
      const namespace = await readlink(`/proc/${pid}/ns/mnt`);
      if (found.has(namespace)) continue;
      const mounts = parseMountinfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
      found.set(namespace, { isOwn: namespace === own, process: `${pid} (${name})`, mounts });
    } catch {
      // The process has ended, is ending, or may not be looked at.
    }
  }
  return [...found.values()];
}
