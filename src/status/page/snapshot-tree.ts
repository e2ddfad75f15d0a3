import type { StatusReport } from '../report.ts';
import { titleOf } from '../title.ts';
import { type Html, html } from './html.ts';
import { timeElement } from './time.ts';

/** An object, and what was made from it. */
interface Node {
  readonly label: Html;
  readonly children: Node[];
}

/** Which snapshots are of which volume, and which volumes were made from them, as lists in lists. */
export function snapshotTree({ volumes, snapshots }: Pick<StatusReport, 'volumes' | 'snapshots'>): Html {
  const nodes = new Map<string, Node>();
  for (const volume of volumes) nodes.set(volume.id, { label: html`${titleOf(volume)}`, children: [] });
  for (const { id, name, createdAt } of snapshots) {
    const at = timeElement(createdAt);
    nodes.set(id, { label: html`snapshot <strong>${name ?? id}</strong> of ${at}`, children: [] });
  }
  const origins = [
    ...volumes.map(({ id, source }) => ({ id, from: source?.id })),
    ...snapshots.map(({ id, sourceVolumeId }) => ({ id, from: sourceVolumeId })),
  ];
  const roots: Node[] = [];
  for (const { id, from } of origins) {
    const node = nodes.get(id);
    if (!node) continue;
    const parent = from === undefined ? undefined : (nodes.get(from) ?? deleted(nodes, roots, from));
    (parent?.children ?? roots).push(node);
  }
  const families = roots.filter(({ children }) => children.length > 0);
  if (families.length === 0) return html`<p class="muted">There are no snapshots and no copies.</p>`;
  return list(families);
}

/** What something was made from, and is gone. */
function deleted(nodes: Map<string, Node>, roots: Node[], id: string): Node {
  const node: Node = { label: html`<span class="muted">${id} (deleted)</span>`, children: [] };
  nodes.set(id, node);
  roots.push(node);
  return node;
}

function list(nodes: readonly Node[]): Html {
  return html`<ul>${nodes.map(({ label, children }) => html`<li>${label}${children.length > 0 ? list(children) : undefined}</li>`)}</ul>`;
}
