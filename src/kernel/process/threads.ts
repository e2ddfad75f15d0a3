import koffi from 'koffi';
import { errno, isErrno } from '../calls/errno.ts';
import { callSync, libraryCall } from '../calls/libc.ts';

const fcntl = libraryCall('fcntl', ['int', 'int', 'int']);
const F_SETFD = 2;

// Enough for two pools with hung disks, in addition to working pools.
const THREADS = '192';

/**
 * Ensures that this process has enough threads to wait for disks. libuv reads the number from the environment when it
 * starts the first thread, which Node does before any of this code runs. So if the environment does not set it, the
 * process executes itself again, with the same pid, arguments and open files.
 */
export function ensureThreads(): void {
  if (process.env['UV_THREADPOOL_SIZE'] !== undefined) return;
  const env: Record<string, string | undefined> = { ...process.env, UV_THREADPOOL_SIZE: THREADS };
  // Node removes the channel to its parent from its environment.
  const channel = (process.channel as { readonly fd?: number } | undefined)?.fd;
  if (channel !== undefined) env['NODE_CHANNEL_FD'] = String(channel);
  // Node also marks these close-on-exec.
  for (const fd of [0, 1, 2, ...(channel === undefined ? [] : [channel])]) keepOpen(fd);
  const args = [process.argv0, ...process.execArgv, ...process.argv.slice(1)];
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const execve = koffi.load(null).func('int execve(const char *path, const char **args, const char **env)');
  execve(process.execPath, [...args, null], [...words, null]);
  // Reached only if execve(2) failed; the process then continues with fewer threads.
}

function keepOpen(fd: number): void {
  try {
    callSync(fcntl, `descriptor ${fd}`, fd, F_SETFD, 0);
  } catch (error) {
    // It was not open in the first place.
    if (!isErrno(error, errno.EBADF)) throw error;
  }
}
