export interface Section {
  readonly version: string;
  readonly date: string | undefined;
  readonly text: string;
}
export function parseChangelog(text: string): Section[];
export function releaseNotes(text: string, version: string, source?: string): string;
