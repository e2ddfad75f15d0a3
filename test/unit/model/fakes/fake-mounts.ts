import { posix } from 'node:path';
import { quote, VolumeError } from '../../../../src/model/errors.ts';
import type { Device } from '../../../../src/model/ports/devices-port.ts';
import type {
  FileSystems,
  FileSystemUsage,
  HeldFileSystem,
} from '../../../../src/model/ports/file-systems-port.ts';
import type { FileSystemMount, MountedPath, Mounts } from '../../../../src/model/ports/mounts-port.ts';
import type { FileIdentity, PathState, Paths } from '../../../../src/model/ports/paths-port.ts';
import type { FileSystemType } from '../../../../src/model/requests/file-system-options.ts';
import { combineFlags, type MountFlags, noMountFlags } from '../../../../src/model/requests/mount-flags.ts';
import { type FakeLoop, FakeLoops } from './fake-loops.ts';
import {
  componentsOf,
  type FakeDirectory,
  type FakeEntry,
  FakeTree,
  isEmpty,
  makeDirectoryEntry,
} from './fake-tree.ts';
import { systemError } from './system-error.ts';

interface FakeMount {
  readonly mountId: number;
  readonly tree: FakeTree;
  readonly root: FakeEntry;
  /** The place of the root in its tree. */
  readonly rootPath: string;
  readonly path: string;
  flags: MountFlags;
  /** The entry that it covers; undefined for the root of the host. */
  readonly covers: Place | undefined;
  userCount: number;
}

interface Place {
  readonly mount: FakeMount;
  readonly entry: FakeEntry;
  readonly pathInTree: string;
}

const NAME_LIMIT_BYTES = 255;
const plainFlags: MountFlags = { ...noMountFlags, accessTimes: 'relatime' };

/** The Mounts port in memory: one tree of files at `/`, and mounts that stack and hide each other as Linux's do. */
export class FakeMounts implements Paths, Mounts, FileSystems {
  readonly tree: FakeTree;
  /** The stats of every file system. */
  space: FileSystemUsage = {
    bytes: { total: 1000n, used: 400n, available: 500n },
    inodes: { total: 100n, used: 10n, available: 90n },
  };
  /** Whether this process can grow ext4 while it is mounted. */
  canGrowExt4 = true;
  /** The existing devices. */
  readonly loops = new FakeLoops((loop) => this.isDeviceUsed(loop.number));
  /** The devices whose file systems refuse writes, whatever their mounts. */
  private readonly readOnlyFileSystems = new Set<string>();
  /** The devices whose file systems answer with an error, and the text of that error. */
  private readonly failed = new Map<string, string>();
  /** The paths whose file systems were synced, in order. */
  readonly synced: string[] = [];
  /** The devices whose file systems are held, once for each hold. */
  private held: string[] = [];
  /** The devices whose file systems are frozen, and the waiters for the thaw. */
  private readonly frozen = new Map<string, (() => void)[]>();
  private readonly deviceNodes = new FakeTree('0:5');
  private readonly root: FakeMount;
  private mounted: FakeMount[] = [];
  private lastMountId = 100;

  constructor(tree = new FakeTree('8:1')) {
    this.tree = tree;
    const parts = { tree, root: tree.root, rootPath: '/', path: '/', flags: plainFlags, covers: undefined };
    this.root = this.makeMount(parts);
    this.tree.makeDirectory('/dev');
    const nodes = { tree: this.deviceNodes, root: this.deviceNodes.root };
    this.makeMount({ ...parts, ...nodes, path: '/dev', covers: this.existing('/dev') });
  }

  async inspect(path: string): Promise<PathState> {
    const place = this.walk(path);
    const why = place && this.failed.get(place.mount.tree.device);
    if (why !== undefined) {
      const isRoot = place?.mount.path === posix.normalize(path);
      return { kind: 'unreadable', mountId: isRoot ? place?.mount.mountId : undefined, why };
    }
    if (!place) return { kind: 'absent' };
    const { entry } = place;
    const { mountId, root } = place.mount;
    const flags = this.flagsInForce(place.mount);
    const identity = identityOf(place);
    if (entry === root) {
      const deviceNode = entry.kind === 'other' ? entry.deviceNode : undefined;
      return { kind: 'mounted', mountId, identity, flags, deviceNode };
    }
    if (entry.kind === 'directory') return { kind: 'directory', identity, mountId, flags };
    return entry.kind === 'file' ? { kind: 'file', isEmpty: isEmpty(entry) } : { kind: entry.kind };
  }

  /** The SELinux labels of directories, by path. */
  readonly labels = new Map<string, string>();

  async label(path: string, seLinuxContext: string): Promise<void> {
    this.labels.set(path, seLinuxContext);
  }

  async hasEntries(path: string): Promise<boolean> {
    return entriesOf(this.existing(path), path).size > 0;
  }

  async bind(source: string, target: string, flags: MountFlags, expected: FileIdentity): Promise<number> {
    const from = this.existing(source);
    const { inode, device } = identityOf(from);
    if (inode !== expected.inode || device !== expected.device)
      throw precondition(source, 'has been replaced');
    const covers = this.existing(target);
    if ((covers.entry.kind === 'directory') !== (from.entry.kind === 'directory'))
      throw systemError('EINVAL');
    const { mount, entry, pathInTree } = from;
    const mountFlags = combineFlags(mount.flags, flags);
    const parts = {
      tree: mount.tree,
      root: entry,
      rootPath: pathInTree,
      path: target,
      flags: mountFlags,
      covers,
    };
    return this.makeMount(parts).mountId;
  }

  async unmount(path: string): Promise<void> {
    for (let place = this.walk(path); place && place.entry === place.mount.root; place = this.walk(path)) {
      const { mount } = place;
      const isBusy = mount.userCount > 0 || this.mounted.some(({ covers }) => covers?.mount === mount);
      if (isBusy) throw precondition(path, 'is busy');
      this.mounted = this.mounted.filter((each) => each !== mount);
    }
    this.loops.releaseUnused();
  }

  async makeDirectory(path: string): Promise<boolean> {
    const parent = this.existing(posix.dirname(path));
    await this.thawed(parent.mount.tree.device);
    const there = this.walk(path)?.entry.kind;
    if (there === 'directory') return false;
    if (there !== undefined) throw precondition(path, 'exists and is not a directory');
    this.writable(parent).set(posix.basename(path), makeDirectoryEntry({ uid: 0, gid: 0, mode: 0o700 }));
    return true;
  }

  async remove(path: string): Promise<void> {
    const place = this.walk(path);
    const parent = this.walk(posix.dirname(path));
    if (!place || !parent) return;
    const { entry, mount } = place;
    if (entry === mount.root) throw precondition(path, 'is busy');
    if (!isEmpty(entry)) throw precondition(path, 'is not empty, or neither a directory nor a file');
    this.writable(parent).delete(posix.basename(path));
  }

  async makeFile(path: string): Promise<boolean> {
    const parent = this.existing(posix.dirname(path));
    const there = this.walk(path)?.entry;
    if (there?.kind === 'file' && isEmpty(there)) return false;
    if (there) throw precondition(path, 'exists and is not an empty file');
    const file = new FakeTree('').makeFile('/file', '');
    this.writable(parent).set(posix.basename(path), file);
    return true;
  }

  async bindDevice({ path, number }: Device, target: string): Promise<number> {
    const covers = this.existing(target);
    if (covers.entry.kind === 'directory') throw systemError('ENOTDIR');
    const rootPath = posix.join('/', posix.basename(path));
    const root = this.deviceNodes.find(rootPath) ?? this.deviceNodes.makeDeviceNode(rootPath, number);
    const { deviceNodes: tree } = this;
    return this.makeMount({ tree, root, rootPath, path: target, flags: plainFlags, covers }).mountId;
  }

  async mountDevice(device: Device, target: string, how: FileSystemMount): Promise<number> {
    const covers = this.existing(target);
    const fileSystem = this.loops.existing(device).image.holds;
    if (fileSystem === 'blank' || fileSystem === 'unknown' || fileSystem.fsType !== how.fsType)
      throw precondition(device.path, `has no ${how.fsType}`);
    // A device that is mounted already is the same file system.
    const mounted = this.mounted.find(({ tree }) => tree.device === device.number);
    const tree = mounted?.tree ?? new FakeTree(device.number, fileSystem.root);
    const flags = combineFlags(plainFlags, how.flags);
    if (!flags.readOnly) this.fillDevice(device, how.fsType);
    return this.makeMount({ tree, root: tree.root, rootPath: '/', path: target, flags, covers }).mountId;
  }

  async deviceAt(path: string): Promise<string | undefined> {
    return this.existing(path).mount.tree.device;
  }

  async grow(path: string, device: Device, fsType: FileSystemType): Promise<{ isGrown: boolean }> {
    this.existing(path);
    return { isGrown: this.fillDevice(device, fsType) };
  }

  private fillDevice(device: Device, fsType: FileSystemType): boolean {
    if (fsType === 'ext4' && !this.canGrowExt4) return false;
    this.loops.growFileSystem(device);
    return true;
  }

  async isSmallerThanDevice(path: string, device: Device): Promise<boolean> {
    this.existing(path);
    const { image, sizeBytes } = this.loops.existing(device);
    return image.holds !== 'blank' && image.holds !== 'unknown' && image.holds.sizeBytes < sizeBytes;
  }

  async sync(path: string): Promise<void> {
    this.existing(path);
    this.synced.push(path);
  }

  async hold(path: string, { number }: Device): Promise<HeldFileSystem | undefined> {
    if (this.deviceNumberAt(path) !== number) return undefined;
    this.held.push(number);
    let isHeld = true;
    const checkHeld = () => {
      if (!isHeld) throw new Error('the file system has been released');
    };
    return {
      sync: async () => {
        checkHeld();
        this.synced.push(path);
      },
      freeze: async () => {
        checkHeld();
        if (this.frozen.has(number)) return false;
        this.frozen.set(number, []);
        return true;
      },
      thaw: async () => {
        checkHeld();
        return this.thaw(number);
      },
      trim: async () => {
        checkHeld();
        return 0n;
      },
      release: async () => {
        if (isHeld) this.held.splice(this.held.indexOf(number), 1);
        isHeld = false;
        this.loops.releaseUnused();
      },
    };
  }

  /** The devices whose file systems are frozen. */
  get frozenDevices(): string[] {
    return [...this.frozen.keys()];
  }

  /** The devices whose file systems are held. */
  get heldDevices(): readonly string[] {
    return this.held;
  }

  /** Whether the file system at a path is frozen. */
  isFrozen(path: string): boolean {
    return this.frozen.has(this.existing(path).mount.tree.device);
  }

  private thaw(device: string): boolean {
    const waiting = this.frozen.get(device);
    if (!waiting) return false;
    this.frozen.delete(device);
    for (const go of waiting) go();
    this.loops.releaseUnused();
    return true;
  }

  private isDeviceUsed(device: string): boolean {
    const isMounted = this.mounted.some(({ tree }) => tree.device === device);
    return isMounted || this.held.includes(device) || this.frozen.has(device);
  }

  /** Also undefined if a path cannot be walked. */
  private deviceNumberAt(path: string): string | undefined {
    try {
      return this.walk(path)?.mount.tree.device;
    } catch (error) {
      if (error instanceof VolumeError) return undefined;
      throw error;
    }
  }

  private thawed(device: string): Promise<void> {
    const waiting = this.frozen.get(device);
    return waiting ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve();
  }

  async usage(path: string): Promise<FileSystemUsage> {
    const { tree } = this.existing(path).mount;
    const holds = this.loopOf(tree)?.image.holds;
    if (holds === undefined || holds === 'blank' || holds === 'unknown') return this.space;
    const { sizeBytes: total, usedBytes: used } = holds;
    return { ...this.space, bytes: { total, used, available: total - used } };
  }

  async list(): Promise<MountedPath[]> {
    return this.mounted.map(({ path, mountId, rootPath, tree, flags }) => ({
      path,
      mountId,
      fileSystem: tree.device,
      root: rootPath,
      source: this.loopOf(tree)?.path ?? 'fake',
      isReadOnly: flags.readOnly,
      isFileSystemReadOnly: this.readOnlyFileSystems.has(tree.device),
    }));
  }

  async listNaming(name: string): Promise<MountedPath[]> {
    return (await this.list()).filter(({ path, root }) => path.includes(name) || root.includes(name));
  }

  /** Mounts another file system, as an administrator or another driver would. */
  mountForeign(path: string, rootPath = '/'): number {
    const tree = new FakeTree(`9:${this.lastMountId}`);
    const root = tree.makeDirectory(rootPath);
    const covers = this.existing(path);
    return this.makeMount({ tree, root, rootPath, path, flags: plainFlags, covers }).mountId;
  }

  /** Makes the file system mounted at a path answer every request with an error. */
  fail(path: string, why = 'answers EIO'): void {
    this.failed.set(this.existing(path).mount.tree.device, why);
  }

  /** Uses the mount at a path, as a process would, until released. */
  occupy(path: string): { release(): void } {
    const { mount } = this.existing(path);
    mount.userCount++;
    return { release: () => mount.userCount-- };
  }

  /** Makes the file system at a path refuse writes, as after an error. */
  failFileSystem(path: string): void {
    this.readOnlyFileSystems.add(this.existing(path).mount.tree.device);
  }

  /** Makes one mount read-only, as an administrator can. */
  remountReadOnly(path: string): void {
    const { mount } = this.existing(path);
    mount.flags = { ...mount.flags, readOnly: true };
  }

  /** The entry at a path, mounts taken into account. */
  entryAt(path: string): FakeEntry | undefined {
    return this.walk(path)?.entry;
  }

  private loopOf({ device }: FakeTree): FakeLoop | undefined {
    return this.loops.all.find(({ number }) => number === device);
  }

  private makeMount(parts: Omit<FakeMount, 'mountId' | 'userCount'>): FakeMount {
    const mount = { ...parts, mountId: ++this.lastMountId, userCount: 0 };
    this.mounted.push(mount);
    return mount;
  }

  private existing(path: string): Place {
    const place = this.walk(path);
    if (!place) throw precondition(path, 'does not exist');
    const why = this.failed.get(place.mount.tree.device);
    if (why !== undefined) throw new VolumeError('unavailable', `${quote(path)} ${why}`);
    return place;
  }

  private walk(path: string): Place | undefined {
    let place = this.topmost({ mount: this.root, entry: this.root.root, pathInTree: '/' });
    for (const name of componentsOf(path)) {
      // The content of a failing file system cannot be told apart from its root.
      if (this.failed.has(place.mount.tree.device)) return place;
      const entry = entriesOf(place, path).get(name);
      if (!entry && Buffer.byteLength(name) > NAME_LIMIT_BYTES)
        throw invalid(path, 'has too long a component');
      if (!entry) return undefined;
      place = this.topmost({ mount: place.mount, entry, pathInTree: posix.join(place.pathInTree, name) });
    }
    return place;
  }

  /** The visible place at a path: on top of all mounts there. */
  private topmost(place: Place): Place {
    const above = this.mounted.find(
      ({ covers }) => covers?.mount === place.mount && covers.entry === place.entry,
    );
    if (!above) return place;
    return this.topmost({ mount: above, entry: above.root, pathInTree: above.rootPath });
  }

  private flagsInForce({ flags, tree }: FakeMount): MountFlags {
    return { ...flags, readOnly: flags.readOnly || this.readOnlyFileSystems.has(tree.device) };
  }

  private writable(place: Place): FakeDirectory['entries'] {
    if (this.flagsInForce(place.mount).readOnly) throw systemError('EROFS');
    return entriesOf(place, place.pathInTree);
  }
}

function entriesOf({ entry }: Place, path: string): FakeDirectory['entries'] {
  if (entry.kind === 'directory') return entry.entries;
  throw invalid(path, `has a ${entry.kind} on the way`);
}

function identityOf({ entry, mount }: Place): FileIdentity {
  return { inode: entry.inode, device: mount.tree.device };
}

function invalid(path: string, why: string): VolumeError {
  return new VolumeError('invalid', `${quote(path)} ${why}`);
}

function precondition(path: string, why: string): VolumeError {
  return new VolumeError('precondition', `${quote(path)} ${why}`);
}
