import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new directory for the running test or hook, removed after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'unit-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
