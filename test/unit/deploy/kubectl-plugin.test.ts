import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';

/** A kubectl for a cluster with two nodes: it answers as the API does, and writes down what it is asked to run. */
const fakeKubectl = `#!/usr/bin/env bash
case "$*" in
  *"get pods"*) printf 'node-1\tns\tpod-1\nnode-2\tns\tpod-2\n' ;;
  *"get persistentvolumes"*) echo '{"items":[]}' ;;
  *exec*)
    echo "$*" >>"$CALLS"
    cat >>"$CALLS"
    [[ $* != *pod-2* ]] || exit 1
    ;;
esac
`;

function plugin(...words: string[]) {
  const directory = temporaryDirectory();
  const calls = join(directory, 'calls');
  writeFileSync(calls, '');
  writeFileSync(join(directory, 'kubectl'), fakeKubectl);
  chmodSync(join(directory, 'kubectl'), 0o755);
  const env = { ...process.env, PATH: `${directory}:${process.env['PATH']}`, CALLS: calls };
  const { status, stdout } = spawnSync('bash', ['deploy/kubectl/kubectl-hostpath', ...words], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, calls: readFileSync(calls, 'utf8').split('\n').filter(Boolean) };
}

const execIn = (pod: string, ...more: string[]) =>
  ['exec', ...more, '--namespace', 'ns', pod, '--container', 'driver', '--', 'csi-hostpath'].join(' ');

test('a command runs on every node, and the worst result is that of the whole', () => {
  expect(plugin('status', '--socket=/s')).toEqual({
    status: 1,
    stdout: '=== node node-1\n\n=== node node-2\n',
    calls: [`${execIn('pod-1')} status --socket=/s`, `${execIn('pod-2')} status --socket=/s`],
  });
});

test('the volumes of the cluster are read once, and given to each node', () => {
  expect(plugin('check', '--orphans', '--node', 'node-1')).toMatchObject({
    status: 0,
    calls: [`${execIn('pod-1', '--stdin')} check --orphans=-`, '{"items":[]}'],
  });
  expect(plugin('check', '--orphans=FILE').calls).toEqual([
    `${execIn('pod-1')} check --orphans=FILE`,
    `${execIn('pod-2')} check --orphans=FILE`,
  ]);
});

test('without a command, all flags are shown', () => {
  const { stdout } = plugin();
  for (const part of ['check --orphans', '--node NAME', 'kubectl hostpath status --help'])
    expect(stdout).toContain(part);
});
