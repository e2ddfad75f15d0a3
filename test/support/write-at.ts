import { open } from 'node:fs/promises';

/** Writes to a file or device that exists, at an offset, and waits until it is on the disk. */
export async function writeAt(path: string, data: Buffer, offset: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(data, 0, data.length, offset);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
