import { chmod, chown, lstat, readFile, stat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';

/** Who may connect to a socket. */
export interface SocketAccess {
  /** File mode, for instance 0o700. */
  readonly mode: number;
  /** GID of the owning group; undefined leaves the group of the driver. */
  readonly groupId: number | undefined;
}

/**
 * Removes a socket at this path that a process left when it died.
 * @throws Error naming the path: another process listens there, or it is not a socket
 */
export async function clearStaleSocket(path: string): Promise<void> {
  // Listening in a directory that does not exist fails with a misleading "permission denied".
  if (!(await isDirectory(dirname(path)))) throw new Error(`the directory of ${path} does not exist`);
  const status = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!status) return;
  // Connecting to a regular file is refused as well, so a refused connection is not enough.
  if (!status.isSocket()) throw new Error(`${path} exists and is not a socket; left untouched`);
  if (await isListening(path)) throw new Error(`another process listens on ${path}`);
  await unlink(path);
}

/** Sets the group and mode of a socket. Until then the umask restricts it to the driver's own user. */
export async function setSocketAccess(path: string, { mode, groupId }: SocketAccess): Promise<void> {
  if (groupId !== undefined) await chown(path, -1, groupId);
  await chmod(path, mode);
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const connection = connect(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false);
      else reject(error);
    });
  });
}

/**
 * The GID of a group given by name, from /etc/group, or by number; undefined for an empty name.
 * @throws Error naming the group if it does not exist
 */
export async function groupIdOf(group: string, groupFile = '/etc/group'): Promise<number | undefined> {
  if (group === '') return undefined;
  if (/^\d+$/.test(group)) return Number(group);
  const lines = (await readFile(groupFile, 'utf8')).split('\n').map((line) => line.split(':'));
  const id = lines.find(([name]) => name === group)?.[2];
  if (id === undefined)
    throw new Error(`--socket-group: group ${JSON.stringify(group)} does not exist in ${groupFile}`);
  return Number(id);
}
