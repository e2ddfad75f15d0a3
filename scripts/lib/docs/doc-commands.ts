import { badFences, type CommandBlock, commandBlocks, commandClasses, withReplacements } from './commands.ts';
import { type Pages, readPages } from './pages.ts';

const usage = `Usage: node scripts/doc-commands.mjs --list
       node scripts/doc-commands.mjs --cluster PAGE[#HEADING] [--replace OLD NEW]…
       node scripts/doc-commands.mjs --host PAGE[#HEADING] [--replace OLD NEW]…
`;

/** The result of a run of the script. */
export interface Outcome {
  readonly output: string;
  readonly errors: string;
  readonly exitCode: number;
}

/** What the arguments ask for. */
interface Request {
  readonly class: 'cluster' | 'host';
  readonly path: string;
  /** The anchor of a heading. */
  readonly section: string | undefined;
  readonly replacements: readonly (readonly [string, string])[];
}

/** Runs `node scripts/doc-commands.mjs` with these arguments. */
export function docCommands(args: readonly string[], pages = readPages()): Outcome {
  const problems = badFences(pages);
  if (problems.length > 0) return failure(`${problems.join('\n')}\n`);
  if (args.length === 1 && args[0] === '--list') return success(listOf(pages));
  const request = parseRequest(args);
  if (!request) return failure(usage, 2);
  const { path, section } = request;
  const page = pages.get(path);
  if (!page) return failure(`no page "${path}"; --list shows the pages with commands\n`);
  if (section !== undefined && !page.anchors.has(section)) {
    return failure(`no heading "${section}" in ${path}; available: ${[...page.anchors].join(', ')}\n`);
  }
  return success(scriptOf(commandBlocks(pages, path), request));
}

function parseRequest(args: readonly string[]): Request | undefined {
  const [flag, target, ...rest] = args;
  if ((flag !== '--cluster' && flag !== '--host') || target === undefined) return undefined;
  const replacements: [string, string][] = [];
  for (let index = 0; index < rest.length; index += 3) {
    const [word, from, to] = rest.slice(index, index + 3);
    if (word !== '--replace' || !from || to === undefined) return undefined;
    replacements.push([from, to]);
  }
  const [path = '', section] = target.split('#');
  return { class: flag === '--cluster' ? 'cluster' : 'host', path, section, replacements };
}

/** The pages with commands, and how many blocks of each class they have. */
function listOf(pages: Pages): string {
  const lines = [...pages.keys()].sort().flatMap((path) => {
    const blocks = commandBlocks(pages, path);
    if (blocks.length === 0) return [];
    const counts = commandClasses.map(
      (each) => `${each} ${blocks.filter((block) => block.class === each).length}`,
    );
    return `${path}: ${counts.join(', ')}\n`;
  });
  return lines.join('');
}

function scriptOf(
  blocks: readonly CommandBlock[],
  { class: wanted, section, replacements }: Request,
): string {
  return blocks
    .filter((block) => block.class === wanted && (section === undefined || block.sections.includes(section)))
    .map((block) => `# ${block.place}\n${withReplacements(block.script, replacements)}`)
    .join('');
}

function success(output: string): Outcome {
  return { output, errors: '', exitCode: 0 };
}

function failure(errors: string, exitCode = 1): Outcome {
  return { output: '', errors, exitCode };
}
