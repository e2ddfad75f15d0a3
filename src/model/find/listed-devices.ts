import type { AttachedFile, Device, Devices } from '../ports/devices-port.ts';

/** The devices of all attached files, as of one list: looking up each file anew would read a list each time. */
export class ListedDevices {
  private readonly byFile = new Map<string, AttachedFile>();
  private readonly byEnd = new Map<string, AttachedFile[]>();

  constructor(all: readonly AttachedFile[]) {
    for (const each of all.filter(({ isRemoved }) => !isRemoved)) {
      this.byFile.set(each.file, each);
      this.byEnd.set(endOf(each.file), [...(this.byEnd.get(endOf(each.file)) ?? []), each]);
    }
  }

  /** The device of the file that was attached by this path. */
  of(file: string): Device | undefined {
    return this.byFile.get(file);
  }

  /** The devices that may have a file, though the list does not show its whole path. */
  likely(file: string): readonly Device[] {
    return this.byEnd.get(endOf(file)) ?? [];
  }
}

export async function listDevices(devices: Devices): Promise<ListedDevices> {
  return new ListedDevices(await devices.list());
}

/** The directory and the name of an image; the directory has the id of its volume, so no two in a pool share it. */
function endOf(file: string): string {
  return file.split('/').slice(-2).join('/');
}
