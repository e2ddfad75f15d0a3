import { formatBytes, formatCount } from '../../units/format-bytes.ts';
import type { MountReport, VolumeReport } from '../report.ts';
import { titleOf } from '../title.ts';
import { type Html, html } from './html.ts';
import { timeElement } from './time.ts';

const columns: readonly { readonly title: string; readonly isNumber?: true }[] = [
  { title: 'Volume' },
  { title: 'Pool' },
  { title: 'Backend' },
  { title: 'Size', isNumber: true },
  { title: 'Used', isNumber: true },
  { title: 'Inodes', isNumber: true },
  { title: 'Created' },
  { title: 'Mounted' },
];

/** The volumes, which the reader can sort and search. */
export function volumeTable(volumes: readonly VolumeReport[]): Html {
  if (volumes.length === 0) return html`<p class="muted">There are no volumes.</p>`;
  const sorted = [...volumes].sort((one, other) => titleOf(one).localeCompare(titleOf(other), 'en'));
  const heads = columns.map(
    ({ title, isNumber }) =>
      html`<th scope="col" class="${isNumber ? 'number' : ''}"><button type="button">${title}</button></th>`,
  );
  return html`<div class="scroll"><table id="volumes"><thead><tr>${heads}</tr></thead>
<tbody>${sorted.map(row)}</tbody></table></div>`;
}

function row(volume: VolumeReport): Html {
  const { id, pool, sizeBytes, usedBytes, inodes, createdAt, mounts, findings } = volume;
  return html`<tr>
<th scope="row" title="${id}">${titleOf(volume)}${findings.map(({ reason }) => html` <span class="problem">${reason}</span>`)}</th>
<td>${pool}</td>
<td>${backendOf(volume)}</td>
<td class="number" data-value="${sizeBytes}">${formatBytes(sizeBytes)}</td>
<td class="number" data-value="${usedBytes ?? -1}">${usedOf(volume)}</td>
<td class="number" data-value="${inodes?.used ?? -1}">${inodes ? formatCount(inodes.used) : ''}</td>
<td>${timeElement(createdAt)}</td>
<td data-value="${mounts.length}">${mounts.length === 0 ? 'no' : html`<details><summary>${mounts.length}</summary><ul>${mounts.map(mountItem)}</ul></details>`}</td>
</tr>`;
}

function usedOf(volume: VolumeReport): Html | undefined {
  const { usedBytes, sizeBytes } = volume;
  if (usedBytes === undefined) return undefined;
  const share = sizeBytes > 0 ? Math.min(1, usedBytes / sizeBytes) : 0;
  return html`${formatBytes(usedBytes)} <meter min="0" max="1" high="0.95" value="${share.toFixed(4)}" aria-label="use of ${titleOf(volume)}">${Math.round(share * 100)} %</meter>`;
}

function backendOf({ backend, mode, fsType, isInline }: VolumeReport): string {
  const kind = mode === 'Block' ? 'block' : fsType;
  return [backend, ...(kind === undefined ? [] : [`(${kind})`]), ...(isInline ? ['inline'] : [])].join(' ');
}

function mountItem({ path, kind, since }: MountReport): Html {
  return html`<li>${kind} at <code>${path}</code>${since === undefined ? undefined : html` since ${timeElement(since)}`}</li>`;
}
