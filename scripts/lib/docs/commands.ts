import type { Fence } from './markdown.ts';
import type { Pages } from './pages.ts';

/** Where a block of commands can be run: its class, the first word of the info string after the language. */
export const commandClasses = ['cluster', 'host', 'none'] as const;
export type CommandClass = (typeof commandClasses)[number];

/** A block of commands of a page. */
export interface CommandBlock {
  /** The page and the line of the block. */
  readonly place: string;
  readonly class: CommandClass;
  /** What the commands print once they are ready; they then run until they are stopped. */
  readonly until: string | undefined;
  /** A script for the shell. */
  readonly script: string;
  readonly sections: readonly string[];
}

const LANGUAGES = new Set(['sh', 'console']);
const OTHER_SHELLS = new Set(['bash', 'shell', 'shell-session', 'zsh']);
const UNTIL = 'until:';

/** What is wrong with the info strings of all fenced blocks, one a line. */
export function badFences(pages: Pages): string[] {
  return [...pages].flatMap(([path, { fences }]) =>
    fences.flatMap((fence) => {
      const problem = fenceProblem(fence);
      return problem === undefined ? [] : [`${path}:${fence.line}: ${problem}`];
    }),
  );
}

function fenceProblem({ language, info }: Fence): string | undefined {
  if (language === '') return 'needs a language; use text for anything that is neither code nor commands';
  if (OTHER_SHELLS.has(language)) return `${language} must be sh or console`;
  if (!LANGUAGES.has(language)) return info === '' ? undefined : 'only commands have a class';
  const [word = '', ...rest] = info.split(' ');
  const detail = rest.join(' ').trim();
  switch (word) {
    case 'cluster':
      return detail === '' ? undefined : 'must be "cluster" alone';
    case 'host':
      return detail === '' || isUntil(detail) ? undefined : 'must be "host" alone or "host until: OUTPUT"';
    case 'none:':
      return detail === '' ? 'needs a reason after "none:"' : undefined;
    default:
      return 'needs a class: cluster, host or "none: REASON"';
  }
}

function isUntil(detail: string): boolean {
  return detail.startsWith(UNTIL) && detail.length > UNTIL.length;
}

/** The blocks of commands of a page with good fences, in their order. */
export function commandBlocks(pages: Pages, path: string): CommandBlock[] {
  const { fences } = pages.get(path) ?? { fences: [] };
  return fences.flatMap((fence) => {
    if (!LANGUAGES.has(fence.language)) return [];
    const [word = '', ...rest] = fence.info.split(' ');
    const detail = rest.join(' ');
    return {
      place: `${path}:${fence.line}`,
      class: word === 'none:' ? 'none' : (word as CommandClass),
      until: word === 'host' && isUntil(detail) ? detail.slice(UNTIL.length).trim() : undefined,
      script: fence.language === 'console' ? promptedLines(fence.text) : fence.text,
      sections: fence.sections,
    };
  });
}

/** The commands of a block that shows their output, too: the lines after "$ ", and those after "> " that continue them. */
function promptedLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.startsWith('$ ') || line.startsWith('> '));
  return lines.map((line) => `${line.slice(2)}\n`).join('');
}

/** Replaces the first of each pair by the second, wherever it occurs. */
export function withReplacements(script: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((text, [from, to]) => text.replaceAll(from, to), script);
}
