import { formatBytes, formatCount } from '../../units/format-bytes.ts';
import type { PoolReport } from '../report.ts';
import { usedShare } from '../used-share.ts';
import { type Html, html } from './html.ts';
import type { PoolHistory, UsePoint } from './pool-history.ts';

const HOUR_MS = 60 * 60 * 1000;
const WIDTH = 160;
const HEIGHT = 28;
/** From which share on a disk is shown as too full, as health reports it. */
const NEARLY_FULL = 0.95;

/** The pools of a node, with the use of their disks over the last hour. */
export function poolTable(pools: readonly PoolReport[], history: PoolHistory, now: Date): Html {
  const rows = pools.map(
    (pool) => html`<tr>
<th scope="row">${pool.name}</th>
<td>${use(pool)}${curve(history.of(pool.name), now)}</td>
<td class="number">${size(pool.space?.totalBytes)}</td>
<td class="number">${size(pool.space?.availableBytes)}</td>
<td class="number">${size(pool.provisionableBytes)}</td>
<td class="number">${formatCount(pool.volumeCount)}</td>
<td class="number">${formatCount(pool.snapshotCount)}</td>
<td>${pool.directories}</td>
<td><code>${pool.path}</code></td>
</tr>`,
  );
  return html`<div class="scroll"><table id="pools">
<thead><tr><th scope="col">Pool</th><th scope="col">Disk used, and in the last hour</th>
<th scope="col" class="number">Size</th><th scope="col" class="number">Free</th>
<th scope="col" class="number">For a volume</th><th scope="col" class="number">Volumes</th>
<th scope="col" class="number">Snapshots</th><th scope="col">Directories</th><th scope="col">Path</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function use({ name, space, isReachable }: PoolReport): Html {
  if (!space)
    return html`<span class="problem">${isReachable === false ? 'unreachable' : 'not known yet'}</span>`;
  const share = usedShare(space);
  const text = `${Math.round(share * 100)} %`;
  return html`<meter min="0" max="1" high="${NEARLY_FULL}" value="${share.toFixed(4)}" aria-label="use of the disk of pool ${name}">${text}</meter> ${text}`;
}

/** Nothing until there are two points. */
function curve(points: readonly UsePoint[], now: Date): Html | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < 2) return undefined;
  const x = ({ atMs }: UsePoint) => (WIDTH * (1 - (now.getTime() - atMs) / HOUR_MS)).toFixed(1);
  const y = ({ share }: UsePoint) => (HEIGHT * (1 - share)).toFixed(1);
  const percent = ({ share }: UsePoint) => `${(share * 100).toFixed(1)} %`;
  return html`<svg class="history" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
aria-label="from ${percent(first)} to ${percent(last)} in the last hour"><polyline fill="none" stroke="currentColor" stroke-width="1.5"
points="${points.map((point) => `${x(point)},${y(point)}`).join(' ')}"/></svg>`;
}

function size(bytes: number | undefined): string {
  return bytes === undefined ? '' : formatBytes(bytes);
}
