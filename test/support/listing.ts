import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Everything below a directory: type, mode, owner, inode and path, and the content of files.
 * @param except paths in it that are left out, with everything below them
 */
export function listing(directory: string, except: readonly string[] = []): string[] {
  const pruned = except.flatMap((path) => ['-path', join(directory, path), '-prune', '-o']);
  const args = [directory, '-mindepth', '1', ...pruned, '-printf', '%y %m %U:%G %i %P\\0'];
  return execFileSync('find', args, { encoding: 'utf8' })
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('f ') ? `${line} ${contentHash(directory, line)}` : line))
    .sort();
}

function contentHash(directory: string, line: string): string {
  const path = line.split(' ').slice(4).join(' ');
  return createHash('sha256')
    .update(readFileSync(join(directory, path)))
    .digest('hex');
}
