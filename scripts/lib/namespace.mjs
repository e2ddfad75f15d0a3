// Mount namespaces, created with unshare(1) of util-linux: Node has threads from the start, and a process with threads
// cannot enter a user namespace itself.
import { spawnSync } from 'node:child_process';

/** Whether this process is the host's root, whose mounts every process can see. */
export const isRoot = process.geteuid?.() === 0;

const newUser = isRoot ? [] : ['--user', '--map-root-user'];

/** The limits of running in a user namespace, for an ordinary user. */
export const ordinaryUserNote = `You are not root, so this runs in its own user and mount namespace. Limits: other processes cannot see the
mounts, files can only be owned by you, and loop devices are unavailable.`;

/** The words that run a command in its own mount namespace; an ordinary user is root in it. */
export function inOwnNamespace(command) {
  return ['unshare', ...newUser, '--mount', '--propagation', 'private', '--', ...command];
}

/** Why no mount namespace can be created here, or undefined. */
export function namespaceObstacle() {
  const [command, ...args] = inOwnNamespace(['true']);
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  const who = isRoot ? 'mounting needs CAP_SYS_ADMIN' : 'it needs root or unprivileged user namespaces';
  return `${who} (${error?.message ?? stderr.trim()})`;
}
