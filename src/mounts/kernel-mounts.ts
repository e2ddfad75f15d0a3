import { errno, isErrno } from '../kernel/calls/errno.ts';
import { addLocalMount, isLocalMount, removeLocalMount } from '../kernel/calls/local-mounts.ts';
import { below, isMountPoint } from '../kernel/calls/path-handle.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { bindMount, unmount, unmountLazily } from '../kernel/mounts/bind-mount.ts';
import { mountFileSystem } from '../kernel/mounts/file-system-mount.ts';
import { mountsNaming } from '../kernel/mounts/known-mounts.ts';
import { readMountinfo } from '../kernel/mounts/mountinfo.ts';
import { pollUntil } from '../kernel/process/poll-until.ts';
import { quote, VolumeError } from '../model/errors.ts';
import type { Device } from '../model/ports/devices-port.ts';
import type { FileSystemMount, MountedPath, MountPlace, Mounts } from '../model/ports/mounts-port.ts';
import type { FileIdentity } from '../model/ports/paths-port.ts';
import type { MountFlags } from '../model/requests/mount-flags.ts';
import { growToDevice } from './kernel-file-systems.ts';
import { at, inParent } from './kernel-paths.ts';
import { mountError } from './mount-error.ts';
import { toMountAttributes } from './mount-flag-bits.ts';
import { deviceNumberOf } from './open-file-system.ts';
import type { PathProbes } from './path-probes.ts';

// More mounts stacked on one path than any sequence of calls can leave; limits the loop that removes them.
const STACK_LIMIT = 64;

/** The Mounts port, by system calls: starts no process and follows no symbolic link. */
export class KernelMounts implements Mounts {
  private readonly probes: PathProbes;

  constructor(probes: PathProbes) {
    this.probes = probes;
  }

  async list(): Promise<MountedPath[]> {
    return readMountinfo();
  }

  async listNaming(name: string): Promise<MountPlace[]> {
    return mountsNaming(name);
  }

  deviceAt(path: string): Promise<string | undefined> {
    return this.probes.run(path, deviceNumberOf);
  }

  bind(source: string, target: string, flags: MountFlags, expected: FileIdentity): Promise<number> {
    const { set, clear } = toMountAttributes(flags);
    return at(source, (sourceFd, isInRoot) => {
      const { inode, device, type } = statusOf(sourceFd);
      if (inode !== expected.inode || device !== expected.device) {
        throw new VolumeError('precondition', `${quote(source)} was replaced during the call`);
      }
      const isLocal = type === 'directory' && (isInRoot || isLocalMount(source));
      return at(target, (targetFd) => {
        const mountId = bindMount(sourceFd, targetFd, set, clear);
        if (isLocal) addLocalMount(target, mountId);
        return mountId;
      });
    });
  }

  bindDevice({ path, number }: Device, target: string): Promise<number> {
    return at(path, (deviceFd) => {
      if (statusOf(deviceFd).deviceNode !== number)
        throw new VolumeError('precondition', `${path} is not the node of device ${number}`);
      return at(target, (targetFd) => bindMount(deviceFd, targetFd, 0, 0));
    });
  }

  async mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number> {
    const { fsType, options, flags } = how;
    const spec = { device: device.path, fsType, options, attrSet: toMountAttributes(flags).set };
    const prepare = async (rootFd: number) => {
      if (!flags.readOnly) await growToDevice(rootFd, spec, target);
    };
    return at(target, async (fd) => {
      try {
        return await mountFileSystem(spec, fd, prepare);
      } catch (error) {
        throw mountError(error);
      }
    });
  }

  async unmount(path: string): Promise<void> {
    removeLocalMount(path);
    await inParent(path, async (parentFd, name) => {
      for (let count = 0; await this.unmountTopmost(path, parentFd, name); count++) {
        if (count === STACK_LIMIT) throw new Error(`more than ${STACK_LIMIT} mounts are stacked at ${path}`);
        if (!(await isMountPoint(parentFd, name))) return;
      }
    });
  }

  /** @returns whether anything was mounted there */
  private async unmountTopmost(path: string, parentFd: number, name: string): Promise<boolean> {
    const handle = below(parentFd, name);
    try {
      await unmount(handle);
    } catch (error) {
      if (isErrno(error, errno.ENOENT)) return false;
      // Or a mount that this process may not unmount.
      if (isErrno(error, errno.EINVAL) && !(await isMountPoint(parentFd, name))) return false;
      if (!isErrno(error, errno.EBUSY)) throw error;
      // Perhaps only a probe keeps it busy: calls that only read take no lock, and must not make an unmount fail.
      await this.probes.withProbesBlocked(path, async () => {
        await pollUntil(async () => !this.probes.isProbed(path));
        // A probe that hangs ends only with the file system.
        await (this.probes.isHung(path) ? unmountLazily(handle) : unmount(handle));
      });
    }
    return true;
  }
}
