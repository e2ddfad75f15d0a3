import { rm } from 'node:fs/promises';
import { syncDescriptor, withDescriptor, writeText } from '../kernel/calls/descriptor.ts';

/** Finds out whether a disk answers at all, by writing a little: a disk that hangs holds one thread, however often asked. */
export class Heartbeat {
  private beat: Promise<void> | undefined;

  /** Resolves when the disk has taken the write, or refused it. @param path a file for nothing else */
  of(path: string): Promise<void> {
    this.beat ??= write(path)
      .catch(() => {})
      .finally(() => {
        this.beat = undefined;
      });
    return this.beat;
  }
}

async function write(path: string): Promise<void> {
  const writeAndSync = async (fd: number) => {
    await writeText(fd, 'alive\n');
    await syncDescriptor(fd);
  };
  await withDescriptor(path, 'w', writeAndSync, 0o600);
  await rm(path);
}
