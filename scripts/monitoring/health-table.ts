/** A row of the table of reasons in docs/reference/health.md, as plain text. */
export interface ReasonRow {
  readonly reason: string;
  /** The status for volumes, or for a pool or driver if the reason concerns only those. */
  readonly status: string;
  readonly meaning: string;
  readonly remedy: string;
}

const PAGE = 'docs/reference/health.md';
const HEADER = '| reason | status | reported by | what it means | what to do |';

/**
 * Reads the table of reasons.
 * @param page the text of docs/reference/health.md
 * @throws Error if the page has no such table, or a row has another number of cells
 */
export function reasonRows(page: string): ReasonRow[] {
  const lines = page.split('\n');
  const start = lines.indexOf(HEADER);
  if (start < 0) throw new Error(`${PAGE}: there is no table with the header ${HEADER}`);
  const body = lines.slice(start + 2);
  const end = body.findIndex((line) => !line.startsWith('|'));
  const rows = body.slice(0, end < 0 ? body.length : end).map(parseRow);
  return rows.map((row) => ({ ...row, remedy: resolveReference(row.remedy, rows) }));
}

function parseRow(line: string): ReasonRow {
  const cells = line.split('|').slice(1, -1).map(plainText);
  const [reason, statuses, reportedBy, meaning, remedy] = cells;
  if (cells.length !== 5 || !reason || !statuses || !reportedBy || !meaning || !remedy) {
    throw new Error(`${PAGE}: a row of the table of reasons must have five cells: ${line}`);
  }
  const [status = ''] = statuses.split('; ');
  return { reason, status, meaning, remedy };
}

/** Replaces "As for X." by the remedy of X: an annotation stands alone. */
function resolveReference(remedy: string, rows: readonly ReasonRow[]): string {
  const [, other] = /^As for (\w+)\.$/.exec(remedy) ?? [];
  return rows.find(({ reason }) => reason === other)?.remedy ?? remedy;
}

/** A cell without Markdown; links within the page name the page. */
function plainText(cell: string): string {
  return cell
    .replace(/\[below\]\(#[^)]*\)/g, PAGE)
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .trim();
}
