import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

interface Job {
  readonly permissions?: Record<string, string>;
  readonly uses?: string;
  readonly 'timeout-minutes'?: number;
}
interface Workflow {
  readonly permissions?: Record<string, string>;
  readonly jobs: Record<string, Job>;
}

const directory = '.github/workflows';
const workflows = readdirSync(directory).map((name) => {
  const text = readFileSync(`${directory}/${name}`, 'utf8');
  return { name, text, workflow: parse(text) as Workflow };
});

describe.each(workflows)('the workflow $name', ({ text, workflow }) => {
  test('names each action of others by its commit, with the version', () => {
    const uses = [...text.matchAll(/^ *(?:- )?uses: (.+)$/gm)].map(([, action = '']) => action);
    expect(uses).not.toEqual([]);
    for (const action of uses)
      expect(action).toMatch(/^(\.\/\S+|[\w-]+(\/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
  });

  test('may read and no more, unless one of its jobs needs it', () => {
    expect([{}, { contents: 'read' }]).toContainEqual(workflow.permissions);
  });

  test('ends jobs that hang', () => {
    for (const [name, job] of Object.entries(workflow.jobs))
      expect(job.uses ?? job['timeout-minutes'], name).toBeDefined();
  });
});

test('only the job of a release that signs has an identity, and only one may write to the repository', () => {
  const release = workflows.find(({ name }) => name === 'release.yml')?.workflow.jobs ?? {};
  const jobsWith = (permission: string) =>
    Object.keys(release).filter((name) => release[name]?.permissions?.[permission] === 'write');
  expect(jobsWith('id-token')).toEqual(['sign']);
  expect(jobsWith('contents')).toEqual(['publish']);
  expect(jobsWith('packages')).toEqual(['image', 'chart', 'sign']);
});
