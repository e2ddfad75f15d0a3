import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commandBlocks } from '../../../scripts/lib/docs/commands.ts';
import { readPages } from '../../../scripts/lib/docs/pages.ts';

const CHECKS = 'test/cluster/checks';

const pages = readPages();
const blocks = [...pages.keys()].flatMap((path) =>
  commandBlocks(pages, path)
    .filter((block) => block.class === 'cluster')
    .map((block) => ({ ...block, path })),
);
const targets = readdirSync(CHECKS).flatMap((file) => targetsIn(readFileSync(`${CHECKS}/${file}`, 'utf8')));

/** The pages and sections that a theme runs: those given to run_page, and those in lists, one a line. */
function targetsIn(theme: string): { path: string; section: string | undefined }[] {
  return theme.split('\n').flatMap((line) => {
    const [, path = '', section] = /^ +(?:run_page )?([\w./-]+\.md)(?:#([\w-]+))?(?: |$)/.exec(line) ?? [];
    return path === '' ? [] : { path, section };
  });
}

test('the cluster test runs each block of commands that needs a cluster', () => {
  expect(blocks.length).toBeGreaterThan(50);
  const forgotten = blocks.filter(
    ({ path, sections }) =>
      !targets.some(
        (target) =>
          target.path === path && (target.section === undefined || sections.includes(target.section)),
      ),
  );
  expect(forgotten.map(({ place }) => place)).toEqual([]);
});

test('the cluster test runs nothing that no page has', () => {
  for (const { path, section } of targets) {
    expect(
      blocks.filter(
        (block) => block.path === path && (section === undefined || block.sections.includes(section)),
      ),
      `${path}#${section}`,
    ).not.toEqual([]);
  }
});
