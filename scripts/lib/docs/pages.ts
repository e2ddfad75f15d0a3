import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Link, type MarkdownPage, parseMarkdown } from './markdown.ts';

/** The Markdown pages of a project, by their paths in it. */
export type Pages = ReadonlyMap<string, MarkdownPage>;

/** The directory of this project. */
export const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));

/** The index, from which a reader finds every page in its directory. */
const INDEX = 'docs/README.md';

const SKIPPED = new Set(['node_modules', 'dist']);

/**
 * Reads all Markdown pages at or below a directory, except those of dependencies and in hidden directories.
 * @throws Error naming a page that cannot be read
 */
export function readPages(root = projectRoot): Pages {
  return new Map(pathsBelow(root, '').map((path) => [path, readPage(root, path)]));
}

function readPage(root: string, path: string): MarkdownPage {
  try {
    return parseMarkdown(readFileSync(join(root, path), 'utf8'));
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function pathsBelow(root: string, directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(directory, entry.name);
    if (entry.isDirectory()) return isSkipped(entry.name) ? [] : pathsBelow(root, path);
    return entry.isFile() && path.endsWith('.md') ? [path] : [];
  });
}

function isSkipped(name: string): boolean {
  return SKIPPED.has(name) || (name.startsWith('.') && name !== '.github');
}

/** What is wrong with the links of the pages to files and headings of the project, one a line. */
export function brokenLinks(pages: Pages, root = projectRoot): string[] {
  return [...pages].flatMap(([path, page]) =>
    page.links.flatMap((link) => {
      const problem = linkProblem(pages, root, path, link);
      return problem === undefined ? [] : [`${path}:${link.line}: ${link.target}: ${problem}`];
    }),
  );
}

function linkProblem(pages: Pages, root: string, from: string, { target }: Link): string | undefined {
  if (isExternal(target)) return target.startsWith('http:') ? 'is not https' : undefined;
  const [, anchor] = target.split('#');
  const path = pathOf(from, target);
  if (path.startsWith('..') || !existsSync(join(root, path))) return 'no such file';
  if (anchor === undefined) return undefined;
  const page = pages.get(path);
  if (!page) return 'only a Markdown page has anchors';
  return page.anchors.has(anchor) ? undefined : 'no such heading';
}

/** The pages below the directory of the index that no chain of links from the index leads to. */
export function unreachablePages(pages: Pages, root = projectRoot): string[] {
  const reached = new Set<string>();
  const waiting = [INDEX];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { target } of pages.get(path)?.links ?? []) {
      if (!isExternal(target)) waiting.push(pageAt(root, pathOf(path, target)));
    }
  }
  return [...pages.keys()].filter((path) => path.startsWith(posix.dirname(INDEX)) && !reached.has(path));
}

/** The page that GitHub shows for a path: for a directory, its README.md. */
function pageAt(root: string, path: string): string {
  const isDirectory = statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? posix.join(path, 'README.md') : path;
}

function isExternal(target: string): boolean {
  return /^[a-z][a-z+.-]*:/.test(target);
}

/** The path in the project that a link leads to. */
function pathOf(from: string, target: string): string {
  const [path = ''] = target.split('#');
  return path === '' ? from : posix.normalize(posix.join(posix.dirname(from), decodeURIComponent(path)));
}
