import { open } from 'node:fs/promises';

/** Writes to an existing file or device, at an offset, and waits until the data is on the disk. */
export async function writeAt(path: string, data: Buffer, offset: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.write(data, 0, data.length, offset);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
