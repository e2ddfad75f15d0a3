import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const RECORD_MODE = 0o600;

/** Writes a new file and waits until it is on the disk. Its directory entry is durable once the directory is synced. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', RECORD_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a file in one durable step: a reader, also after a crash, sees the old text or the new one, whole. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', RECORD_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

/** Waits until the entries of a directory are on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
