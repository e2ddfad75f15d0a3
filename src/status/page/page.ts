import { createHash } from 'node:crypto';
import { formatBytes, formatCount } from '../../units/format-bytes.ts';
import { type Problem, problemsIn } from '../problems.ts';
import type { CopyReport, JobReport, RemovalReport, RetainedReport, StatusReport } from '../report.ts';
import { titleOf } from '../title.ts';
import { Html, html } from './html.ts';
import type { PoolHistory } from './pool-history.ts';
import { poolTable } from './pool-table.ts';
import { script } from './script.ts';
import { snapshotTree } from './snapshot-tree.ts';
import { style } from './style.ts';
import { timeElement } from './time.ts';
import { volumeTable } from './volume-table.ts';

/** Nothing is loaded from elsewhere, and nothing runs but the script of the page. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src '${hashOf(style)}'`,
  `script-src '${hashOf(script)}'`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** The status of a node as one page that needs nothing else. */
export function pageOf(report: StatusReport, history: PoolHistory, now: Date): string {
  const { driver, pools, volumes, retained } = report;
  // What the kernel has of volumes that are gone is for the command `check`.
  const problems = problemsIn(report, { mounts: [], loops: [] });
  const title = `${driver?.name ?? 'csi-hostpath'} on ${driver?.nodeId ?? 'this node'}`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${new Html(style)}</style></head><body>
<header><h1>${title}</h1><div data-part="state">
<p>version ${driver?.version}, running since ${driver?.startedAt}; as of ${now.toISOString().slice(0, 19)}Z</p>
<p class="${problems.length === 0 ? 'well' : 'problem'}" role="status">${summary(problems)}</p></div>
<p id="stale" class="problem" role="alert" hidden>The driver does not answer; this is the last that it said.</p></header>
<main>
<h2>Pools</h2><div data-part="pools">${poolTable(pools, history, now)}</div>
<h2>Problems</h2><div data-part="problems">${problemList(problems)}</div>
<h2>Volumes</h2><label>Search <input id="search" type="search"></label> <span id="shown" role="status"></span>
<div data-part="volumes">${volumeTable(volumes)}</div>
<h2>Snapshots and copies</h2><div data-part="snapshots">${snapshotTree(report)}</div>
<h2>Jobs</h2><div data-part="jobs">${jobList(report.jobs)}</div>
<h2>Deleted volumes that are kept</h2><div data-part="retained">${
    retained.length === 0
      ? html`<p class="muted">None.</p>`
      : html`<ul>${retained.map((each) => html`<li>${retainedItem(each)}</li>`)}</ul>`
  }</div>
</main><script>${new Html(script)}</script></body></html>
`.text;
}

function retainedItem(volume: RetainedReport): Html {
  const { sizeBytes, onDelete, deletedAt, expiresAt, directory } = volume;
  const deleted = deletedAt === undefined ? undefined : html`, deleted ${timeElement(deletedAt)}`;
  const expires = expiresAt === undefined ? 'never expires' : html`expires ${timeElement(expiresAt)}`;
  return html`${titleOf(volume)}, ${formatBytes(sizeBytes)}${deleted}, kept by onDelete: ${onDelete}, ${expires}: <code>${directory}</code>`;
}

function summary(problems: readonly Problem[]): string {
  if (problems.length === 0) return 'No problems';
  return problems.length === 1 ? '1 problem' : `${formatCount(problems.length)} problems`;
}

function problemList(problems: readonly Problem[]): Html {
  if (problems.length === 0) return html`<p class="well">No problems.</p>`;
  return html`<dl>${problems.map(
    ({ subject, problem, remedy }) =>
      html`<dt><span class="problem">${subject}</span>: ${problem}</dt><dd class="remedy">What to do: ${remedy}</dd>`,
  )}</dl>`;
}

function jobList(jobs: readonly JobReport[]): Html {
  if (jobs.length === 0) return html`<p class="muted">Nothing is being copied or removed.</p>`;
  return html`<ul>${jobs.map((job) => html`<li>${job.kind === 'copy' ? copy(job) : removal(job)}</li>`)}</ul>`;
}

function copy({ id, from, copiedBytes, expectedBytes, isWaiting }: CopyReport): Html {
  const progress =
    expectedBytes === undefined || expectedBytes === 0
      ? html`${formatBytes(copiedBytes)}`
      : html`<progress max="${expectedBytes}" value="${Math.min(copiedBytes, expectedBytes)}" aria-label="copy to ${id}"></progress> ${formatBytes(copiedBytes)} of ${formatBytes(expectedBytes)}`;
  return html`copy of ${from} to ${id}: ${progress}${isWaiting ? ', waiting for a file that is leased' : ''}`;
}

function removal({ pool, directoryCount, stuck }: RemovalReport): Html {
  return html`removal of deleted content in pool ${pool}: ${formatCount(directoryCount)} left${
    stuck.length > 0 ? html`, ${stuck.length} cannot be removed` : undefined
  }`;
}
