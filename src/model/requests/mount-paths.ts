import { posix } from 'node:path';
import { invalidField } from '../errors.ts';

// PATH_MAX counts the terminating NUL.
const PATH_LIMIT_BYTES = 4095;

/**
 * Which staging and target paths are acceptable, and their real paths. Symbolic links in such a path are not
 * followed, with one exception: the kubelet's directory itself may be reached through one.
 */
export class MountPaths {
  private readonly kubeletDir: string;
  private readonly realKubeletDir: string;
  /** The directories in which volumes may be mounted, with their symbolic links resolved as far as they are followed. */
  readonly directories: readonly string[];
  private readonly poolPaths: () => readonly string[];

  /**
   * @param kubeletDir as it appears in requests
   * @param realKubeletDir the same with its symbolic links resolved
   * @param mountDirs in which volumes may be mounted
   * @param poolPaths returns the paths of the pools, with symbolic links resolved
   */
  constructor(
    kubeletDir: string,
    realKubeletDir: string,
    mountDirs: readonly string[],
    poolPaths: () => readonly string[],
  ) {
    this.kubeletDir = posix.normalize(kubeletDir);
    this.realKubeletDir = realKubeletDir;
    this.directories = mountDirs.map((directory) => this.canonical(directory));
    this.poolPaths = poolPaths;
  }

  /**
   * Resolves a path in a request to the path to work on.
   * @param field the request's field, for the error
   * @throws VolumeError invalid: not absolute, too long, outside the allowed mount directories, or a mount there
   *   would cover a pool or lie in one, where unmounting it could remove files of a volume
   */
  resolve(field: string, path: string): string {
    if (!path.startsWith('/')) throw invalidField(field, path, 'must be an absolute path');
    if (path.includes('\0')) throw invalidField(field, path, 'must not contain a NUL character');
    if (Buffer.byteLength(path) > PATH_LIMIT_BYTES) {
      throw invalidField(field, path, `is longer than ${PATH_LIMIT_BYTES} bytes`);
    }
    const real = this.canonical(path);
    for (const pool of this.poolPaths()) {
      if (isWithin(real, pool)) throw invalidField(field, path, `is inside the pool ${pool}`);
      if (isWithin(pool, real)) throw invalidField(field, path, `contains the pool ${pool}`);
    }
    if (!this.directories.some((directory) => isWithin(posix.dirname(real), directory))) {
      const where = this.directories.join(', ');
      throw invalidField(field, path, `is outside the allowed mount directories: ${where} (--mount-dir)`);
    }
    return real;
  }

  /**
   * The directory that disappears with the user of a volume at a target: the directory of the pod, below the
   * kubelet's directory; elsewhere the parent of the target.
   * @param targetPath resolved
   */
  userDirectoryOf(targetPath: string): string {
    const pods = posix.join(this.realKubeletDir, 'pods');
    if (!isWithin(targetPath, pods)) return posix.dirname(targetPath);
    const [pod = '', ...below] = targetPath.slice(pods.length + 1).split('/');
    return below.length === 0 ? posix.dirname(targetPath) : posix.join(pods, pod);
  }

  /** The single spelling for all spellings of a path, whether it is acceptable or not: for locks. */
  canonical(path: string): string {
    const normal = withoutTrailingSlash(posix.normalize(path));
    return isWithin(normal, this.kubeletDir)
      ? posix.join(this.realKubeletDir, normal.slice(this.kubeletDir.length))
      : normal;
  }
}

function withoutTrailingSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Whether a path is a directory or inside it. Both are absolute, without `.`, `..` or a trailing slash. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}
