import { spawnSync } from 'node:child_process';
import { promtoolPath } from '../../../scripts/lib/go/prometheus.mjs';

/** The result of a run of promtool. */
export interface PromtoolRun {
  readonly status: number | null;
  readonly output: string;
}

export function promtool(args: readonly string[], input = ''): PromtoolRun {
  const { status, stdout, stderr } = spawnSync(promtoolPath, args, { input, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}
