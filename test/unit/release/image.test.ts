import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const dockerfile = readFileSync('Dockerfile', 'utf8');
const bake = readFileSync('docker-bake.hcl', 'utf8');
const release = readFileSync('.github/workflows/release.yml', 'utf8');

/** The arguments that docker-bake.hcl sets in the Dockerfile. */
const bakeArguments = [...bake.matchAll(/^ {4}([A-Z]+) += \1$/gm)].map(([, name = '']) => name);

test('each argument that docker-bake.hcl sets is one of the Dockerfile, in a label', () => {
  expect(bakeArguments).toEqual(['VERSION', 'REVISION', 'CREATED', 'SOURCE']);
  for (const name of bakeArguments) {
    expect(dockerfile).toMatch(new RegExp(`^ARG ${name}=`, 'm'));
    expect(dockerfile).toMatch(new RegExp(`org\\.opencontainers\\.image\\.\\w+="[^"]*\\$\\{${name}\\}`));
  }
});

test('a release sets every variable of docker-bake.hcl', () => {
  const variables = [...bake.matchAll(/^variable "(\w+)"/gm)].map(([, name = '']) => name);
  const [step = ''] = /id: build\n {8}env:\n[\s\S]*?run:/.exec(release) ?? [];
  for (const name of variables) expect(step).toContain(`${name}: `);
});

test('docker-bake.hcl and the Dockerfile have the same default for the address of the repository', () => {
  const defaultOf = (text: string, pattern: RegExp) => pattern.exec(text)?.[1];
  expect(defaultOf(bake, /variable "SOURCE" \{\n {2}default = "([^"]+)"/)).toBe(
    defaultOf(dockerfile, /^ARG SOURCE=(.+)$/m),
  );
});
