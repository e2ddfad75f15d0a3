/**
 * A page with its generated tables renewed, each between `<!-- table: NAME -->` and `<!-- end of table -->`; the text around
 * them stays.
 * @param path of the page, for the error
 * @param tableOf the text of a table; undefined if there is none with the name
 * @throws Error naming a table that does not exist
 */
export function withTables(
  page: string,
  path: string,
  tableOf: (name: string) => string | undefined,
): string {
  return page.replace(
    /(<!-- table: ([\w-]+) -->\n)[\s\S]*?(<!-- end of table -->)/g,
    (_, begin: string, name: string, end: string) => {
      const table = tableOf(name);
      if (table === undefined) throw new Error(`${path}: there is no table ${JSON.stringify(name)}`);
      return `${begin}${table}\n${end}`;
    },
  );
}

/** A table of Markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), `|${head.map(() => '---|').join('')}`, ...rows.map(row)].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
