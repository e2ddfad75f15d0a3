import { readFileSync } from 'node:fs';

/** A row of docs/reference/csi.md. */
export interface PageRow {
  /** The service of an RPC, or the message of a capability. */
  readonly of: string;
  readonly name: string;
  /** Whether it is served, or declared, by default. */
  readonly byDefault: boolean;
  /** Sets of flags, each of which alone changes that. */
  readonly changedBy: readonly (readonly string[])[];
}

/** docs/reference/csi.md, as text. */
export interface CsiPage {
  readonly rpcs: readonly PageRow[];
  readonly capabilities: readonly PageRow[];
}

export function readCsiPage(): CsiPage {
  const text = readFileSync(new URL('../../docs/reference/csi.md', import.meta.url), 'utf8');
  return { rpcs: rowsBelow(text, '## RPCs'), capabilities: rowsBelow(text, '## Capabilities') };
}

/** The statement of a row about a driver with these flags. */
export function isEnabled({ byDefault, changedBy }: PageRow, flags: readonly string[]): boolean {
  const isChanged = changedBy.some((set) => set.every((flag) => flags.includes(flag)));
  return byDefault !== isChanged;
}

function rowsBelow(text: string, heading: string): PageRow[] {
  const [, section = ''] = text.split(`\n${heading}\n`);
  const [table = ''] = section.split('\n## ');
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [of = '', name = '', byDefault = '', changedBy = ''] = line.split('|').slice(1, -1);
      return {
        of: of.replaceAll('`', '').trim(),
        name: name.replaceAll('`', '').trim(),
        byDefault: !byDefault.includes('not '),
        changedBy: [...changedBy.matchAll(/`(--[^`]*)`/g)].map(([, flags = '']) => flags.split(' ')),
      };
    });
}
