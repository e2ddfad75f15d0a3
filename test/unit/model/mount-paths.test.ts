import { describe, expect, test } from 'vitest';
import { MountPaths } from '../../../src/model/requests/mount-paths.ts';

const paths = new MountPaths('/var/lib/kubelet', '/data/kubelet', ['/'], () => ['/pools/a', '/pools/b']);
const resolve = (path: string) => paths.resolve('target_path', path);

test.each([
  ['/mnt/target', '/mnt/target'],
  ['/mnt//target/', '/mnt/target'],
  ['/mnt/./a/../target', '/mnt/target'],
  ['/var/lib/kubelet/pods/p/mount', '/data/kubelet/pods/p/mount'],
  ['/var/lib/kubelet', '/data/kubelet'],
  ['/var/lib/kubelet/../kubelet/pods', '/data/kubelet/pods'],
  ['/var/lib/kubelet-other/pods', '/var/lib/kubelet-other/pods'],
  ['/data/kubelet/pods', '/data/kubelet/pods'],
  ['/pools/abc', '/pools/abc'],
  [`/${'n'.repeat(4094)}`, `/${'n'.repeat(4094)}`],
])('%s is resolved to its real path', (path, real) => {
  expect(resolve(path)).toBe(real);
});

test.each([
  ['/data/kubelet/pods/uid/volumes/kubernetes.io~csi/v/mount', '/data/kubelet/pods/uid'],
  ['/data/kubelet/pods/uid/mount', '/data/kubelet/pods/uid'],
  ['/data/kubelet/pods/mount', '/data/kubelet/pods'],
  ['/data/kubelet/pods', '/data/kubelet'],
  ['/data/kubelet/plugins/v/mount', '/data/kubelet/plugins/v'],
  ['/data/kubelet/pods-other/uid/mount', '/data/kubelet/pods-other/uid'],
  ['/mnt/a/b', '/mnt/a'],
  ['/mnt', '/'],
])('a mount at %s is in use by %s', (target, directory) => {
  expect(paths.userDirectoryOf(target)).toBe(directory);
});

test.each([
  ['is relative', 'mnt/target', 'must be an absolute path'],
  ['is empty', '', 'must be an absolute path'],
  ['holds a NUL', '/mnt/a\0b', 'must not contain a NUL character'],
  ['is longer than a path can be', `/${'n'.repeat(4095)}`, 'is longer than 4095 bytes'],
  ['is longer in bytes than in characters', `/${'é'.repeat(2048)}`, 'is longer than 4095 bytes'],
  ['is a pool', '/pools/a', 'is inside the pool /pools/a'],
  ['lies in a pool', '/pools/b/volumes/v/data', 'is inside the pool /pools/b'],
  ['leads into a pool', '/mnt/../pools/a/x', 'is inside the pool /pools/a'],
  ['has a pool below it', '/pools', 'contains the pool /pools/a'],
  ['is the root', '/', 'contains the pool /pools/a'],
])('a path that %s is invalid', (_, path, why) => {
  expect(() => resolve(path)).toThrow(
    expect.objectContaining({ kind: 'invalid', message: expect.stringMatching(`^target_path: .*${why}`) }),
  );
});

test('a pool below the real directory of the kubelet is protected from paths through its other name', () => {
  const nested = new MountPaths('/var/lib/kubelet', '/data/kubelet', ['/'], () => [
    '/data/kubelet/plugins/pool',
  ]);
  for (const path of [
    '/var/lib/kubelet/plugins/pool/volumes',
    '/var/lib/kubelet/plugins',
    '/var/lib/kubelet',
  ]) {
    expect(() => nested.resolve('target_path', path)).toThrow(expect.objectContaining({ kind: 'invalid' }));
  }
});

describe('allowed mount paths', () => {
  const confined = new MountPaths(
    '/var/lib/kubelet',
    '/data/kubelet',
    ['/var/lib/kubelet', '/mnt/ci/'],
    () => [],
  );

  test.each(['/var/lib/kubelet/pods/p/mount', '/data/kubelet/plugins/p/globalmount', '/mnt/ci/target'])(
    'include %s',
    (path) => {
      expect(confined.resolve('target_path', path)).toBe(confined.canonical(path));
    },
  );

  test.each(['/', '/etc', '/var/lib/kubelet', '/var/lib/kubelet/../x', '/data/kubelet-other/x', '/mnt/ci'])(
    'do not include %s',
    (path) => {
      expect(() => confined.resolve('target_path', path)).toThrow(
        expect.objectContaining({
          kind: 'invalid',
          message: `target_path: ${JSON.stringify(path)} is outside the allowed mount directories: /data/kubelet, /mnt/ci (--mount-dir)`,
        }),
      );
    },
  );
});
