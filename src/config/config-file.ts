import { constants, readFile } from 'node:fs';
import { promisify } from 'node:util';
import { withDescriptor } from '../kernel/calls/descriptor.ts';
import { statusOf } from '../kernel/calls/statx.ts';
import { retry } from '../kernel/calls/transient-error.ts';
import { ConfigFileError } from './config-error.ts';
import { configConflicts, type NodeFlags, type NodePools, poolsOfNode } from './node-pools.ts';
import { parseConfig } from './parse-config.ts';

const readFileAsync = promisify(readFile);

// Opening a FIFO would wait for a writer. Symbolic links are followed: a mounted ConfigMap consists of them.
const READ = constants.O_RDONLY | constants.O_NONBLOCK;

// As much as a ConfigMap can hold.
const LIMIT_BYTES = 1024n ** 2n;

/**
 * Reads the text of a configuration file.
 * @throws ConfigFileError: it cannot be read, is not a regular file, or has more than 1 MiB
 */
export async function readConfig(path: string): Promise<string> {
  try {
    return await retry(() => withDescriptor(path, READ, readRegular));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigFileError(path, [`cannot be read: ${why}`], { cause: error });
  }
}

function readRegular(fd: number): Promise<string> {
  const { type, sizeBytes } = statusOf(fd);
  if (type !== 'file') throw new Error('it is not a regular file');
  if (sizeBytes > LIMIT_BYTES)
    throw new Error(`it has ${sizeBytes} bytes; at most ${LIMIT_BYTES} are allowed`);
  return readFileAsync(fd, 'utf8');
}

/**
 * The pools that the text of a configuration file gives to this node.
 * @throws ConfigFileError with all problems: those of the text or, if there are none, its conflicts with the flags
 */
export function nodePoolsIn(path: string, text: string, flags: NodeFlags): NodePools {
  const parsed = parseConfig(text);
  if ('problems' in parsed) throw new ConfigFileError(path, parsed.problems);
  const conflicts = configConflicts(parsed.entries, flags);
  if (conflicts.length > 0) throw new ConfigFileError(path, conflicts);
  return poolsOfNode(parsed.entries, flags);
}
