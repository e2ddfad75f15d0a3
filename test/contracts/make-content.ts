import { performOperations } from '../../src/kernel/files/file-operations.ts';
import type { NewContent } from '../../src/model/ports/ports.ts';
import { emptyDirectory } from '../../src/records/new-object.ts';

/** Makes the content of a new object in its directory, as the records do. */
export async function makeContent(directory: string, content: NewContent): Promise<void> {
  if (typeof content === 'function') await content(directory);
  else performOperations(emptyDirectory(directory, content));
}
