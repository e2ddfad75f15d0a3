import { type DescribedFlag, type FlagTable, formsOf, groupsOf, ignoredFlagsOf, namesOf } from './flag.ts';

const widthColumns = 100;

/** The text of `--help`, at most 100 columns wide, without a trailing line break. */
export function helpText(table: FlagTable): string {
  const groups = [...groupsOf(table)];
  const left = Math.max(...groups.flatMap(([, flags]) => flags.map((flag) => spelling(flag).length))) + 4;
  const sections = groups.map(([group, flags]) => [group, ...flags.flatMap((flag) => entry(flag, left))]);
  const forms = [...formsOf(table)].flatMap(([placeholder, accepted]) =>
    hanging(`  ${placeholder}`, accepted.split(' '), left),
  );
  return [
    ['Usage: csi-driver-hostpath --nodeid=ID [flags]'],
    wrap(usageNote.split(' '), widthColumns),
    ...sections,
    ['Values', ...forms],
    ignoredSection(table),
  ]
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

/** How to write flags; the documentation uses the same words. */
export const usageNote =
  'A flag has one or two dashes; its value follows after "=" or as the next word. A boolean flag without a value ' +
  'means true; its value, which is true, false, t, f, 1 or 0, can only follow after "=". If a flag that may not be ' +
  'repeated is given more than once, the last one counts.';

/** A flag as users write it, such as `--statedir PATH`. */
export function spelling(flag: DescribedFlag): string {
  const names = namesOf(flag).map((name) => `--${name}`);
  return [names.join(', '), flag.kind.placeholder].filter((part) => part !== '').join(' ');
}

function entry(flag: DescribedFlag, left: number): readonly string[] {
  return hanging(`  ${spelling(flag)}`, [...flag.meaning.split(' '), ...remark(flag)], left);
}

/** The text after the meaning, as one word that is not broken over two lines. */
function remark(flag: DescribedFlag): readonly string[] {
  if ('required' in flag) return [flag.unless ? `(required without --${flag.unless})` : '(required)'];
  if ('repeatable' in flag) return ['(may be repeated)'];
  return 'default' in flag && flag.default !== '' ? [`(default ${flag.default})`] : [];
}

function ignoredSection(table: FlagTable): readonly string[] {
  const names = ignoredFlagsOf(table).flatMap((flag) => namesOf(flag).map((name) => `--${name}`));
  if (names.length === 0) return [];
  return [
    'Accepted and ignored, for manifests of the Go reference driver',
    ...hanging('', names.join(', ').split(' '), 2),
  ];
}

/** Text in a column that begins at `left`, with a title before its first line. */
function hanging(title: string, words: readonly string[], left: number): readonly string[] {
  return wrap(words, widthColumns - left).map(
    (line, index) => (index === 0 ? title : '').padEnd(left) + line,
  );
}

function wrap(words: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
