import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { acceptWithoutDriver } from '../actions/repair/moved-pools.ts';
import type { RepairOutcome } from '../actions/repair/planned-repair.ts';
import type { RepairResult } from '../actions/repair/repair.ts';
import { type ClusterVolume, parseClusterVolumes } from '../status/cluster-volumes.ts';
import { inBoth, readHostState } from '../status/host-state.ts';
import { orphansIn } from '../status/orphans.ts';
import { type Problem, problemsIn } from '../status/problems.ts';
import type { StatusReport } from '../status/report.ts';
import { callAction } from './call-action.ts';
import type { Command } from './command-line.ts';
import { type CheckedProblem, formatProblems, formatRepairs } from './format-problems.ts';
import type { CliOutput } from './main.ts';
import { readReport } from './read-report.ts';

/** What a check has found, for programs and for people. */
export interface CheckResult {
  readonly document: unknown;
  readonly text: string;
  /** How many problems are left. */
  readonly problemCount: number;
}

/** Looks for problems; with `--repair`, after the driver has repaired what it can. */
export async function checkedBy(command: Command, output: CliOutput): Promise<CheckResult> {
  const isRepair = command.values['repair'] === 'true' && command.values['dry-run'] !== 'true';
  const repairs = isRepair ? await repaired(command, output) : undefined;
  // Before the volumes: one that is created meanwhile is not an orphan.
  const cluster = await clusterVolumesFor(command);
  const before = readHostState();
  const report = await readReport(command.socket, command.stateDir);
  const found = [
    ...problemsIn(report, inBoth(before, readHostState())),
    ...(cluster ? orphansIn(report, cluster, new Date()) : []),
  ];
  const failed = repairs?.filter(({ error }) => error !== undefined);
  const problems = withRepairs(found, failed ?? (await plannedRepairs(command, report)));
  const shown = formatProblems(problems, report);
  return {
    document: repairs ? { repairs, problems } : problems,
    text: repairs && repairs.length > 0 ? `${formatRepairs(repairs)}\n${shown}` : shown,
    problemCount: problems.length,
  };
}

/** The PersistentVolumes to compare with; undefined if the user gave none. */
async function clusterVolumesFor({
  values: { orphans: file = '' },
}: Command): Promise<ClusterVolume[] | undefined> {
  if (file === '') return undefined;
  try {
    return parseClusterVolumes(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `--orphans: ${file} is not the output of kubectl get pv -o json: ${reason}`;
    throw new Error(message, { cause: error });
  }
}

/** Has the driver repair what it can; what it does is shown meanwhile. */
async function repaired(command: Command, output: CliOutput): Promise<readonly RepairOutcome[]> {
  const { socket, stateDir, output: format } = command;
  const acceptDisks = acceptedBy(command);
  if (acceptDisks.length > 0 && !(await readReport(socket, stateDir)).driver)
    return withoutDriver(stateDir, acceptDisks, { isDryRun: false });
  const onProgress = async (sentence: string) => {
    if (format === 'text' && output.isTerminal) await output.writeError(`${sentence} …\n`);
  };
  const result = await callAction(socket, 'repair', { dryRun: false, acceptDisks }, { onProgress });
  return (result as RepairResult).repairs;
}

/** A driver whose default pool was copied does not start. */
async function withoutDriver(...args: Parameters<typeof acceptWithoutDriver>): Promise<RepairOutcome[]> {
  const { acceptWithoutDriver } = await import('../actions/repair/moved-pools.ts');
  return acceptWithoutDriver(...args);
}

function acceptedBy({ values }: Command): string[] {
  return [values['accept-disk'] ?? ''].filter((name) => name !== '');
}

/** What the driver could repair; nothing without a driver. */
async function plannedRepairs(command: Command, report: StatusReport): Promise<readonly RepairOutcome[]> {
  const { socket, stateDir, values } = command;
  const acceptDisks = acceptedBy(command);
  if (!report.driver)
    return acceptDisks.length > 0 ? withoutDriver(stateDir, acceptDisks, { isDryRun: true }) : [];
  const planned = callAction(socket, 'repair', { dryRun: true, acceptDisks });
  // A check is still one if this cannot be found out.
  const result = values['repair'] ? await planned : await planned.catch(() => ({ repairs: [] }));
  return (result as RepairResult).repairs;
}

/** The problems, each with its repair, and those that only the driver knows. A repair that has failed is none. */
function withRepairs(problems: readonly Problem[], repairs: readonly RepairOutcome[]): CheckedProblem[] {
  const isOf = ({ subject, problem }: Problem, each: RepairOutcome) =>
    subject === each.subject && problem.startsWith(each.reason ? `${each.reason}: ` : each.problem);
  const repairOf = ({ repair, error }: RepairOutcome) => (error === undefined ? { repair } : {});
  const others = repairs.filter((each) => !problems.some((problem) => isOf(problem, each)));
  return [
    ...problems.map((problem) => {
      const known = repairs.find((each) => isOf(problem, each));
      return known ? { ...problem, ...repairOf(known) } : problem;
    }),
    ...others.map((each) => ({
      subject: each.subject,
      problem: each.reason ? `${each.reason}: ${each.problem}` : each.problem,
      remedy: each.error ?? '',
      ...repairOf(each),
    })),
  ];
}
