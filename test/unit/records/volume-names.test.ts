import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Volume } from '../../../src/model/objects/volume.ts';
import { poolLayout } from '../../../src/records/pool-layout.ts';
import { DiskVolumeNames } from '../../../src/records/volume-names.ts';
import { namesContract } from '../../contracts/names-contract.ts';
import { exampleVolume } from '../model/fakes/model.ts';
import { blockContent } from '../model/fakes/requests.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

function namesInPool() {
  const layout = poolLayout(temporaryDirectory());
  for (const path of [layout.volumes, layout.incoming]) mkdirSync(path);
  const failures: unknown[] = [];
  const names = new DiskVolumeNames(layout, (error) => failures.push(error));
  const add = (volume: Volume) => names.add(volume);
  return {
    layout,
    names,
    add,
    failures,
    tree: () => treeOf(layout.names),
    at: (path: string) => join(layout.names, path),
  };
}

/** The links of a tree with their texts, and its other entries. */
function treeOf(root: string): Record<string, string> {
  if (!existsSync(root)) return {};
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    paths.sort().map((path) => {
      const status = lstatSync(join(root, path));
      return [
        path,
        status.isSymbolicLink() ? readlinkSync(join(root, path)) : status.isDirectory() ? '/' : '',
      ];
    }),
  );
}

namesContract('DiskVolumeNames', async () => {
  const { names, tree } = namesInPool();
  const idOf = (text: string) => text.split('/').at(-2) ?? '';
  return { names, namedIds: async () => Object.values(tree()).map(idOf) };
});

let lastId = 0;

function named(nameTemplate: string | undefined, name = 'data', changes: Partial<Volume> = {}): Volume {
  const id = `v-${String(++lastId).padStart(16, '0')}-aaaaaaaa-00000000`;
  return exampleVolume({ id, nameTemplate, claim: { namespace: 'shop', name }, ...changes });
}

const template = '${pvc.namespace}/${pvc.name}';

test('a volume has a relative link to its content, which goes with it, and its directory', async () => {
  const { names, add, tree, failures, layout } = namesInPool();
  const [volume, block] = [named(template), named('${pvc.name}', 'raw', { content: blockContent })];
  await add(volume);
  await add(block);
  await add(volume);
  await add(named(undefined));
  expect(tree()).toEqual({
    raw: `../volumes/${block.id}/image`,
    shop: '/',
    'shop/data': `../../volumes/${volume.id}/data`,
  });
  await names.remove(volume);
  await names.remove(volume);
  await names.remove(block);
  expect(tree()).toEqual({});
  expect(readdirSync(layout.incoming)).toEqual([]);
  expect(failures).toEqual([]);
});

test('without a template nothing is made', async () => {
  const { names, add, layout } = namesInPool();
  await add(named(undefined));
  await names.rebuild(() => [named(undefined)]);
  expect(existsSync(layout.names)).toBe(false);
});

test('volumes of the same name, and names within names, have a hash', async () => {
  const { names, add, tree } = namesInPool();
  const volumes = [
    named(template),
    named(template),
    named('${pvc.namespace}'),
    named('${pvc.namespace}/${pvc.name}/x'),
  ];
  for (const volume of volumes) await add(volume);
  const links = Object.entries(tree()).filter(([, text]) => text !== '/');
  expect(links.map(([path]) => path.replaceAll(/-[0-9a-f]{8}/g, '-#')).sort()).toEqual([
    'shop-#',
    'shop-#/data-#/x-#',
    'shop/data',
    'shop/data-#',
  ]);
  for (const volume of volumes) await names.remove(volume);
  expect(tree()).toEqual({});
});

test('a rebuild makes what is missing, removes what is stale, and keeps the rest as it is', async () => {
  const { names, add, tree, at } = namesInPool();
  const [first, second, gone, missing] = [
    named(template),
    named(template),
    named(template, 'gone'),
    named(template, 'new'),
  ];
  for (const volume of [first, second, gone]) await add(volume);
  const { [`shop/data`]: _, ...rest } = tree();
  writeFileSync(at('note'), '');
  mkdirSync(at('empty'));
  symlinkSync('/elsewhere', at('foreign'));
  // The second keeps the name that it had, although the first is gone.
  await names.rebuild(() => [second, missing]);
  const { 'shop/gone': __, ...kept } = rest;
  expect(tree()).toEqual({
    ...kept,
    empty: '/',
    foreign: '/elsewhere',
    note: '',
    'shop/new': `../../volumes/${missing.id}/data`,
  });
  rmSync(at('.'), { recursive: true });
  await names.rebuild(() => [second, missing]);
  expect(Object.keys(tree())).toEqual(['shop', 'shop/data', 'shop/new']);
});

test('no link is followed, to the content of a volume or out of the pool', async () => {
  const { names, add, layout, tree, failures } = namesInPool();
  const outer = named('${pvc.namespace}');
  await add(outer);
  const data = join(layout.volumes, outer.id, 'data');
  mkdirSync(data, { recursive: true });
  const inner = named(template);
  // Its user has made the link that the driver would make.
  symlinkSync(`../../volumes/${inner.id}/data`, join(data, 'data'));
  await add(inner);
  await names.rebuild(() => [outer]);
  await names.remove(inner);
  expect(readdirSync(data)).toEqual(['data']);
  rmSync(layout.names, { recursive: true });
  const elsewhere = temporaryDirectory();
  symlinkSync(elsewhere, layout.names);
  await add(inner);
  await names.rebuild(() => [inner]);
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(failures).toEqual([expect.objectContaining({ message: `${layout.names} is not a directory` })]);
  expect(tree()).toEqual({});
});

test('a failure is told once, and again after a success', async () => {
  const { add, layout, failures } = namesInPool();
  writeFileSync(layout.names, '');
  await add(named(template));
  await add(named(template));
  expect(failures).toHaveLength(1);
  rmSync(layout.names);
  await add(named(template));
  rmSync(layout.names, { recursive: true });
  writeFileSync(layout.names, '');
  await add(named(template));
  expect(failures).toHaveLength(2);
});

test('nothing is made in the empty mount point of a disk that is gone', async () => {
  const { add, layout, failures } = namesInPool();
  for (const path of [layout.volumes, layout.incoming]) rmSync(path, { recursive: true });
  await add(named(template));
  expect(readdirSync(layout.root)).toEqual([]);
  expect(failures).toHaveLength(1);
});
