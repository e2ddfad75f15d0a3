import { fileURLToPath } from 'node:url';
import { ForksPoolWorker, type PoolOptions } from 'vitest/node';

const nodeInOwnNamespace = fileURLToPath(new URL('./node-in-own-namespace.sh', import.meta.url));

/** A worker with a mount namespace of its own: no test can leave a mount on the host, however it ends. */
class MountNamespaceWorker extends ForksPoolWorker {
  override readonly name = 'mount-namespace';

  override start(): Promise<void> {
    // Vitest forks this program, and says no other.
    const { execPath } = process;
    process.execPath = nodeInOwnNamespace;
    try {
      return super.start();
    } finally {
      process.execPath = execPath;
    }
  }
}

/** Runs test files side by side, each worker in a mount namespace of its own. */
export const mountNamespacePool = {
  name: 'mount-namespace',
  createPoolWorker: (options: PoolOptions) => new MountNamespaceWorker(options),
};
