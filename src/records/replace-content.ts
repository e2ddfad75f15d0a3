import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exchange } from '../kernel/files/exchange.ts';
import type { FileChanges } from './file-changes.ts';
import { checkWritable, sync } from './new-object.ts';
import { driverOnlyMode } from './pool-layout.ts';
import type { RemovalQueue } from './removal-queue.ts';

/** New content for an existing object, and where it is made. */
export interface ContentReplacement {
  /** The directory of the object. */
  readonly directory: string;
  /** The content in it. */
  readonly name: string;
  /** Fills a directory with the new content, durably, under the same name. */
  readonly make: (directory: string) => Promise<void>;
  /** A new directory in `.incoming`, which a start after a crash removes, whatever is in it. */
  readonly incoming: string;
}

/** As `Records.replaceContent`: one exchange puts the new content into place, and the old one beside what is removed. */
export async function replaceContent(
  { directory, name, make, incoming }: ContentReplacement,
  { changes, removals }: { readonly changes: FileChanges; readonly removals: Pick<RemovalQueue, 'add'> },
): Promise<void> {
  await mkdir(incoming, { mode: driverOnlyMode });
  try {
    await make(incoming);
    await changes.make(['rebuild: content made']);
    await exchange(join(incoming, name), join(directory, name));
    await changes.make([
      'rebuild: exchanged',
      sync(directory),
      sync(incoming),
      checkWritable(directory),
      'rebuild: durable',
    ]);
  } finally {
    removals.add(incoming);
  }
}
