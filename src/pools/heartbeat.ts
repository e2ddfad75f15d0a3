import { rm } from 'node:fs/promises';
import { syncDescriptor, withDescriptor, writeText } from '../kernel/calls/descriptor.ts';

/** Checks whether a disk answers by writing a little. A hung disk blocks only one thread, however many callers ask. */
export class Heartbeat {
  private beat: Promise<void> | undefined;

  /**
   * Resolves when the disk has accepted or refused the write.
   * @param path a file used for nothing else
   */
  write(path: string): Promise<void> {
    this.beat ??= writeBeat(path)
      .catch(() => {})
      .finally(() => {
        this.beat = undefined;
      });
    return this.beat;
  }
}

async function writeBeat(path: string): Promise<void> {
  const writeAndSync = async (fd: number) => {
    await writeText(fd, 'alive\n');
    await syncDescriptor(fd);
  };
  await withDescriptor(path, 'w', writeAndSync, 0o600);
  await rm(path);
}
