import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { inOwnNamespace } from '../../scripts/lib/namespace.mjs';
import { type Load, type Report, reportOf } from './report.ts';

/** What exists before the measurement. */
export interface Existing {
  readonly volumes: number;
  readonly mounts: number;
}

/** Runs `bench/floor`, each time in a new directory and mount namespace. */
export class Floor {
  private readonly program: string;
  private readonly directory: string;

  constructor(program: string, directory: string) {
    this.program = program;
    this.directory = directory;
  }

  async run(mode: 'create' | 'life' | 'stage', load: Load, existing?: Existing): Promise<Report> {
    const directory = mkdtempSync(join(this.directory, 'floor-'));
    const numbers = [load.calls, load.warmUp, load.concurrency, existing?.volumes ?? 0, existing?.mounts ?? 0];
    const [program = '', ...args] = inOwnNamespace([
      this.program,
      mode,
      directory,
      ...numbers.map((number) => String(number)),
    ]);
    try {
      return await reportOf(program, args);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
}
