/** The text of a record after an edit by hand, which takes its checksum away. */
export function editedRecord(text: string, edit: (text: string) => string): string {
  const { checksum: _, ...record } = JSON.parse(edit(text)) as Record<string, unknown>;
  return `${JSON.stringify(record, null, 2)}\n`;
}
