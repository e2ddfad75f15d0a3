import type { Problem } from '../status/problems.ts';
import type { StatusReport } from '../status/report.ts';
import { formatCount } from '../units/format-bytes.ts';

/** Problems as text, each with what to do; or that there are none. */
export function formatProblems(problems: readonly Problem[], report: StatusReport): string {
  const { pools, volumes, snapshots } = report;
  const checked = `${count(volumes, 'volume')} and ${count(snapshots, 'snapshot')} in ${count(pools, 'pool')}`;
  if (problems.length === 0) return `No problems with ${checked}.\n`;
  const texts = problems.map(
    ({ subject, problem, remedy }) => `${subject}\n  ${problem}\n  What to do: ${remedy}`,
  );
  return `${texts.join('\n\n')}\n\n${count(problems, 'problem')} with ${checked}.\n`;
}

function count(all: readonly unknown[], name: string): string {
  return `${formatCount(all.length)} ${name}${all.length === 1 ? '' : 's'}`;
}
