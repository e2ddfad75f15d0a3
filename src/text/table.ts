/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers are aligned at the right. */
  readonly align?: 'right';
}

const GAP = '  ';

/** Rows under titles, in columns as wide as their texts, one string for each line. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => widthOf(row[index] ?? ''))));
  return all.map((row) =>
    columns
      .map(({ align }, index) => padded(row[index] ?? '', widths[index] ?? 0, align))
      .join(GAP)
      .trimEnd(),
  );
}

function padded(text: string, width: number, align: Column['align']): string {
  const space = ' '.repeat(width - widthOf(text));
  return align === 'right' ? space + text : text + space;
}

/** Characters, not the UTF-16 units that a string counts. */
function widthOf(text: string): number {
  return [...text].length;
}
