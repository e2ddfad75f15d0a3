import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { badFences, commandBlocks } from '../../../scripts/lib/docs/commands.ts';
import { docCommands } from '../../../scripts/lib/docs/doc-commands.ts';
import { parseMarkdown } from '../../../scripts/lib/docs/markdown.ts';
import { readPages } from '../../../scripts/lib/docs/pages.ts';
import { parseParameters } from '../../../src/services/parameters.ts';

const pages = readPages();
const blocks = [...pages.keys()].flatMap((path) => commandBlocks(pages, path));
const { version, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  version: string;
  scripts: Record<string, string>;
};

describe('the commands of all pages', () => {
  test('say where they can be run', () => {
    expect(badFences(pages)).toEqual([]);
  });

  test('are valid for the shell', () => {
    expect(blocks.length).toBeGreaterThan(80);
    for (const { place, script } of blocks) {
      const { stderr } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
      expect(stderr, place).toBe('');
    }
  });

  test('name files of the project that exist', () => {
    const named = blocks.flatMap(({ place, script }) =>
      [...script.matchAll(/(?<![\w./-])(?:deploy|docs|examples|scripts|test)\/[\w./-]+/g)].map(([path]) => ({
        place,
        path,
      })),
    );
    expect(named.length).toBeGreaterThan(40);
    for (const { place, path } of named) expect(existsSync(path), `${place}: ${path}`).toBe(true);
  });

  test('build and load the image of this version', () => {
    const tags = blocks.flatMap(({ place, script }) =>
      [...script.matchAll(/csi-driver-hostpath:(\d[\w.-]*)/g)].map(([, tag]) => ({ place, tag })),
    );
    expect(tags.length).toBeGreaterThan(10);
    for (const { place, tag } of tags) expect(tag, place).toBe(version);
  });

  test('apply manifests that are valid, with parameters that the driver knows', () => {
    const manifests = blocks.flatMap(({ place, script }) =>
      [...script.matchAll(/apply -f - <<'?END'?\n([\s\S]*?)^END$/gm)].map(([, text = '']) => ({
        place,
        text,
      })),
    );
    expect(manifests.length).toBeGreaterThan(10);
    for (const { place, text } of manifests) {
      for (const document of parseAllDocuments(text)) {
        expect(document.errors, place).toEqual([]);
        const { apiVersion, kind, metadata, provisioner, parameters = {} } = document.toJS();
        expect({ apiVersion, kind, name: metadata.name }, place).toEqual({
          apiVersion: expect.any(String),
          kind: expect.any(String),
          name: expect.any(String),
        });
        if (kind === 'StorageClass') expect(provisioner, place).toBe('hostpath.csi.k8s.io');
        expect(() => parseParameters(parameters), place).not.toThrow();
      }
    }
  });
});

test('every npm script that a page names exists', () => {
  for (const path of pages.keys()) {
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(/\bnpm run ([a-z][\w:-]*)/g)) {
      expect(Object.keys(scripts), path).toContain(name);
    }
  }
});

describe('a block of commands is refused', () => {
  test.each([
    ['```\nls\n```', 'needs a language; use text for anything that is neither code nor commands'],
    ['```sh\nls\n```', 'needs a class: cluster, host or "none: REASON"'],
    ['```console\n$ ls\n```', 'needs a class: cluster, host or "none: REASON"'],
    ['```sh clutser\nls\n```', 'needs a class: cluster, host or "none: REASON"'],
    ['```sh cluster mostly\nls\n```', 'must be "cluster" alone'],
    ['```sh host until:\nls\n```', 'must be "host" alone or "host until: OUTPUT"'],
    ['```sh none:\nls\n```', 'needs a reason after "none:"'],
    ['```bash host\nls\n```', 'bash must be sh or console'],
    ['```yaml cluster\na: b\n```', 'only commands have a class'],
  ])('%j', (text, problem) => {
    expect(badFences(new Map([['page.md', parseMarkdown(text)]]))).toEqual([`page.md:1: ${problem}`]);
  });
});

describe('scripts/doc-commands.mjs', () => {
  const page = [
    '# Page',
    '## One',
    '```sh cluster',
    'kubectl get node NODE',
    '```',
    '```sh host until: it listens',
    'npm start',
    '```',
    '## Two',
    '```console cluster',
    '$ kubectl get \\',
    '> pods',
    'NAME   READY',
    '```',
    '```sh none: removes data',
    'rm -r x',
    '```',
    '```yaml',
    'a: b',
    '```',
  ].join('\n');
  const some = new Map([['docs/page.md', parseMarkdown(page)]]);

  test('prints the commands of a page for a cluster', () => {
    const { output, exitCode } = docCommands(['--cluster', 'docs/page.md'], some);
    expect(output).toBe('# docs/page.md:3\nkubectl get node NODE\n# docs/page.md:10\nkubectl get \\\npods\n');
    expect(exitCode).toBe(0);
  });

  test('prints those of one section, with replacements', () => {
    const { output } = docCommands(['--cluster', 'docs/page.md#one', '--replace', 'NODE', 'worker-1'], some);
    expect(output).toBe('# docs/page.md:3\nkubectl get node worker-1\n');
  });

  test('prints those for this machine, and those of all pages of each class', () => {
    expect(docCommands(['--host', 'docs/page.md'], some).output).toBe('# docs/page.md:6\nnpm start\n');
    expect(docCommands(['--list'], some).output).toBe('docs/page.md: cluster 2, host 1, none 1\n');
  });

  test.each([
    [[], 2, 'Usage: '],
    [['--cluster'], 2, 'Usage: '],
    [['--list', 'docs/page.md'], 2, 'Usage: '],
    [['--cluster', 'docs/page.md', '--replace', 'NODE'], 2, 'Usage: '],
    [['--cluster', 'page.md'], 1, 'no page "page.md"; --list shows the pages with commands'],
    [['--cluster', 'docs/page.md#three'], 1, 'no heading "three" in docs/page.md; available: page, one, two'],
  ])('refuses %j', (args, exitCode, message) => {
    const outcome = docCommands(args, some);
    expect(outcome).toEqual({ output: '', errors: expect.stringContaining(message), exitCode });
  });

  test('refuses to print anything while a block has no class', () => {
    const bad = new Map([['page.md', parseMarkdown('```sh\nls\n```')]]);
    expect(docCommands(['--list'], bad)).toMatchObject({ output: '', exitCode: 1 });
  });
});
