import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { withTables } from '../../scripts/lib/docs/tables.ts';
import type { ScaleNumbers } from './numbers.ts';
import { tables } from './tables.ts';

export const pageFile = 'docs/explanation/scale.md';
export const resultsFile = 'docs/explanation/scale.json';

/** docs/explanation/scale.md with its tables renewed; the text around them stays. */
export function scaleDocument(): string {
  const numbers = JSON.parse(readFileSync(resultsFile, 'utf8')) as ScaleNumbers;
  const page = readFileSync(pageFile, 'utf8');
  return withTables(page, pageFile, (name) => tables[name]?.(numbers));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.write(scaleDocument());
}
