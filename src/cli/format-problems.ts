import type { RepairOutcome } from '../actions/repair/planned-repair.ts';
import type { Problem } from '../status/problems.ts';
import type { StatusReport } from '../status/report.ts';
import { formatCount } from '../units/format-bytes.ts';

/** A problem, and what `check --repair` would do about it, as the end of a sentence. */
export type CheckedProblem = Problem & { readonly repair?: string };

/** Problems as text, each with what to do; or that there are none. */
export function formatProblems(problems: readonly CheckedProblem[], report: StatusReport): string {
  const { pools, volumes, snapshots } = report;
  const checked = `${count(volumes, 'volume')} and ${count(snapshots, 'snapshot')} in ${count(pools, 'pool')}`;
  if (problems.length === 0) return `No problems with ${checked}.\n`;
  const texts = problems.map(({ subject, problem, remedy, repair }) =>
    [
      subject,
      `  ${problem}`,
      `  What to do: ${repair === undefined ? remedy : `run check --repair to ${repair}`}`,
    ].join('\n'),
  );
  return `${texts.join('\n\n')}\n\n${count(problems, 'problem')} with ${checked}.\n`;
}

/** What was repaired, and what could not be. */
export function formatRepairs(repairs: readonly RepairOutcome[]): string {
  return repairs
    .map(({ subject, problem, repair, error }) => {
      const what = `${subject}\n  ${problem}\n`;
      return error === undefined
        ? `repaired: ${what}  Done: ${repair}\n`
        : `not repaired: ${what}  To do: ${repair}\n  Error: ${error}\n`;
    })
    .join('\n');
}

function count(all: readonly unknown[], name: string): string {
  return `${formatCount(all.length)} ${name}${all.length === 1 ? '' : 's'}`;
}
