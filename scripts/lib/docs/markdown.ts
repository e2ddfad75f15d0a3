/** A fenced block of a page. */
export interface Fence {
  /** The first word of its info string; empty if it has none. */
  readonly language: string;
  /** The info string after the language. */
  readonly info: string;
  /** Without the fences; each line ends with a line break. */
  readonly text: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  /** The anchors of the headings that it is under, the page's title first. */
  readonly sections: readonly string[];
}

/** A link or an image. */
export interface Link {
  readonly target: string;
  /** From 1. */
  readonly line: number;
}

/** What this project's scripts and tests need to know of a Markdown page. */
export interface MarkdownPage {
  /** The text of its first heading. */
  readonly title: string;
  /** What a link to a part of the page may name, as GitHub derives it from the headings. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
  readonly fences: readonly Fence[];
}

interface Heading {
  readonly level: number;
  readonly anchor: string;
}

const FENCE = /^( {0,3}|\s+)(`{3,})\s*([^`\s]*)\s*([^`]*)$/;
const HEADING = /^(#{1,6})\s+(.*?)\s*#*$/;

/**
 * Reads a page, in the part of Markdown that this project writes: fences of backticks, headings with `#`, inline links,
 * link definitions, and HTML attributes.
 * @throws Error if a fence is not closed
 */
export function parseMarkdown(text: string): MarkdownPage {
  const fences: Fence[] = [];
  const anchors = new Set<string>();
  let path: Heading[] = [];
  let title = '';
  let open:
    | { readonly fence: Omit<Fence, 'text'>; readonly marker: string; readonly indent: number }
    | undefined;
  let body: string[] = [];
  // Without the fenced blocks, but with the same line numbers.
  const prose = text.split('\n').map((line, index) => {
    if (open) {
      if (line.trim() === open.marker) {
        fences.push({ ...open.fence, text: body.join('') });
        open = undefined;
      } else {
        body.push(`${withoutIndent(line, open.indent)}\n`);
      }
      return '';
    }
    const [, indent, marker, language, info] = FENCE.exec(line) ?? [];
    if (indent !== undefined && marker !== undefined) {
      const sections = path.map(({ anchor }) => anchor);
      const fence = { language: language ?? '', info: (info ?? '').trim(), line: index + 1, sections };
      open = { fence, marker, indent: indent.length };
      body = [];
      return '';
    }
    const [, hashes, heading] = HEADING.exec(line) ?? [];
    if (hashes !== undefined && heading !== undefined) {
      const anchor = unusedAnchor(anchors, slugOf(heading));
      anchors.add(anchor);
      path = [...path.filter(({ level }) => level < hashes.length), { level: hashes.length, anchor }];
      title ||= heading;
    }
    return line;
  });
  if (open) throw new Error(`the fence in line ${open.fence.line} is not closed`);
  const plain = withoutCodeSpans(prose.join('\n'));
  for (const [, name = ''] of plain.matchAll(/<[a-z]+\s[^>]*\b(?:id|name)="([^"]+)"/g)) anchors.add(name);
  return { title, anchors, links: linksIn(plain), fences };
}

function linksIn(plain: string): Link[] {
  const patterns = [
    /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g,
    /^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s+"[^"]*")?$/gm,
    /<[a-z]+\s[^>]*\b(?:href|src|srcset)="([^"]+)"/g,
  ];
  return patterns.flatMap((pattern) =>
    [...plain.matchAll(pattern)].map(({ 1: target = '', index }) => ({ target, line: lineAt(plain, index) })),
  );
}

/** Replaces code in a line by blanks: it may look like a link. */
function withoutCodeSpans(text: string): string {
  return text.replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, (span) => span.replace(/[^\n]/g, ' '));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function withoutIndent(line: string, indent: number): string {
  return line.slice(Math.min(indent, line.length - line.trimStart().length));
}

/** The anchor that GitHub gives to a heading, apart from a number for the second of its kind. */
function slugOf(heading: string): string {
  return heading
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/<[^>]+>/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');
}

function unusedAnchor(used: ReadonlySet<string>, slug: string): string {
  for (let number = 0; ; number++) {
    const anchor = number === 0 ? slug : `${slug}-${number}`;
    if (!used.has(anchor)) return anchor;
  }
}
