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

  /** Makes, mounts and removes volumes. */
  async run(mode: 'create' | 'life' | 'stage', load: Load, existing?: Existing): Promise<Report> {
    return this.measure(this.directory, mode, load, [existing?.volumes ?? 0, existing?.mounts ?? 0]);
  }

  /** Copies a subvolume, an image, or the one file of a directory, sharing its blocks. */
  async copy(directory: string, source: string, load: Omit<Load, 'concurrency'>): Promise<Report> {
    return this.measure(directory, 'copy', { ...load, concurrency: 1 }, [source]);
  }

  private async measure(
    parent: string,
    mode: string,
    { calls, warmUp, concurrency }: Load,
    more: readonly (string | number)[],
  ): Promise<Report> {
    const directory = mkdtempSync(join(parent, 'floor-'));
    const words = [this.program, mode, directory, calls, warmUp, concurrency, ...more].map(String);
    const [program = '', ...args] = inOwnNamespace(words);
    try {
      return await reportOf(program, args);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
}
