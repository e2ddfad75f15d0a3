import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { listing } from '../../support/listing.ts';
import { expectRefusal } from '../../support/refusal.ts';
import { PopulatedNode, type StoredObject } from '../support/populated-node.ts';
import { Random, rounds } from '../support/random.ts';
import { type Damage, damagesOf } from './damages.ts';

const CONTENT = 'precious';

/** What a caller gets of an object: its description and content, or a refusal. */
type Outcome = Awaited<ReturnType<StoredObject['read']>> | { readonly refused: string };

/** A file of the driver, as found on the disk, and what can be done to it. */
interface OwnFile {
  readonly path: string;
  /** The object that it belongs to; undefined for a file of a pool. */
  readonly owner: StoredObject | undefined;
  readonly damages: readonly Damage[];
}

const populated = new PopulatedNode();
const { node, objects } = populated;
const saved = join(node.directory, 'saved');
const elsewhere = join(node.directory, 'elsewhere');
const random = new Random('damage');
let files: OwnFile[];
let before: Map<string, Outcome>;

beforeAll(async () => {
  await populated.populate();
  mkdirSync(saved);
  writeFileSync(elsewhere, CONTENT);
  before = await outcomesOf(objects);
  for (const [name, outcome] of before) expect(outcome, name).toHaveProperty('content');
  await node.stop();
  files = ownFiles();
  return () => node.dispose();
});

/** Every file of the driver: all in the pools but what users have written. */
function ownFiles(): OwnFile[] {
  const paths = [node.pool, populated.otherPool].flatMap(filesBelow);
  return [...paths, populated.stateMarker].map((path) => ({
    path,
    owner: objects.find(({ directory }) => path.startsWith(`${directory}/`)),
    damages: damagesOf(path, elsewhere, random),
  }));
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === 'data' ? [] : filesBelow(path);
    return [path];
  });
}

async function outcomesOf(some: readonly StoredObject[]): Promise<Map<string, Outcome>> {
  return new Map(await Promise.all(some.map(async (each) => [each.name, await outcomeOf(each)] as const)));
}

async function outcomeOf(object: StoredObject): Promise<Outcome> {
  try {
    return await object.read();
  } catch (error) {
    return { refused: (error as Error).message };
  }
}

/** What is on the disk, but for what is damaged and what the driver writes while it runs. */
function onDisk(damaged: readonly OwnFile[]): string[] {
  const inNode = (path: string) => relative(node.directory, path);
  const own = files.filter(({ path, owner }) => owner === undefined || path.endsWith('/image'));
  const leftOut = [...damaged, ...own].map(({ path }) => inNode(path));
  const volatile = ['saved', 's', 'pool/.outgoing', 'pool/.incoming', 'other/.outgoing', 'other/.incoming'];
  return listing(node.directory, [...leftOut, ...volatile]).filter((line) => !/ p\d+(\/mount)?$/.test(line));
}

/** Damages files while `use` runs; then the good files are put back. */
async function whileDamaged(damaged: readonly [OwnFile, Damage][], use: () => Promise<void>): Promise<void> {
  const savedAs = (index: number) => join(saved, String(index));
  for (const [index, [{ path }, damage]] of damaged.entries()) {
    renameSync(path, savedAs(index));
    damage.apply(path, savedAs(index));
  }
  try {
    await use();
  } finally {
    await node.stop();
    for (const [index, [{ path }]] of damaged.entries()) {
      rmSync(path, { recursive: true, force: true });
      renameSync(savedAs(index), path);
    }
  }
}

async function expectAllServed(): Promise<void> {
  await populated.start();
  expect(await outcomesOf(objects)).toEqual(before);
  await node.stop();
}

function titleOf([{ path }, { name }]: [OwnFile, Damage]): string {
  return `${relative(node.directory, path)} ${name}`;
}

describe('damaged files of objects', () => {
  test('keep no other object from being served, nothing is deleted, and good files are served again', async () => {
    for (let round = 0; round < rounds(3); round++) {
      const intact = random.sample(objects, 2);
      const damaged = objects
        .filter((object) => !intact.includes(object))
        .map((object): [OwnFile, Damage] => {
          const file = random.pick(files.filter(({ owner }) => owner === object));
          return [file, file.damages[round % file.damages.length] as Damage];
        });
      const title = damaged.map(titleOf).join(', ');
      const diskBefore = onDisk(damaged.map(([file]) => file));
      await whileDamaged(damaged, async () => {
        await populated.start();
        expect(await outcomesOf(intact), title).toEqual(
          new Map([...before].filter(([name]) => intact.some((each) => each.name === name))),
        );
        for (const [file, damage] of damaged) await expectNotMistaken(file, damage);
        await node.stop();
        expect(onDisk(damaged.map(([file]) => file)), title).toEqual(diskBefore);
      });
      await expectAllServed();
    }
  });
});

/** An object with a damaged file is served as before or refused; it is not taken for another, or for a deleted one. */
async function expectNotMistaken(file: OwnFile, damage: Damage): Promise<void> {
  const { owner, path } = file;
  if (!owner) return;
  const outcome = await outcomeOf(owner);
  const title = titleOf([file, damage]);
  const refusal = expect.stringMatching(/^\d+ (INTERNAL|FAILED_PRECONDITION|UNAVAILABLE): /);
  // What is in an image is the business of its user and file system.
  if (path.endsWith('/image'))
    expect(outcome, title).not.toHaveProperty('refused', expect.stringMatching(/^5 /));
  else if ('refused' in outcome) expect(outcome, title).toEqual({ refused: refusal });
  else expect(outcome, title).toEqual(before.get(owner.name));
}

describe('a damaged file of a pool', () => {
  test('is named by the driver if it refuses to start or to serve the pool; else everything is served', async () => {
    const ofPools = files.filter(({ owner }) => owner === undefined);
    const kinds = new Map(ofPools.map((file) => [file.path.replace(/\/\d+$/, '/*'), file]));
    for (let round = 0; round < rounds(1); round++) {
      for (const file of kinds.values()) {
        const damage = file.damages[round % file.damages.length] as Damage;
        const title = titleOf([file, damage]);
        const diskBefore = onDisk([file]);
        await whileDamaged([[file, damage]], async () => {
          await expectNamed(file, title);
          await node.stop();
          expect(onDisk([file]), title).toEqual(diskBefore);
          expect(statSync(elsewhere).size).toBe(CONTENT.length);
        });
      }
      await expectAllServed();
    }
  });
});

async function expectNamed({ path }: OwnFile, title: string): Promise<void> {
  try {
    await populated.start();
  } catch (error) {
    expect((error as Error).message, title).toContain(path);
    return;
  }
  for (const object of objects) {
    const outcome = await outcomeOf(object);
    const isInOtherPool = object.directory.startsWith(populated.otherPool);
    if ('refused' in outcome && isInOtherPool) await expectUnreachable(object, path, outcome.refused, title);
    else expect(outcome, title).toEqual(before.get(object.name));
  }
}

/** The pool of a volume cannot be opened: a file of it is named, and the volume is not reported as deleted. */
async function expectUnreachable(
  { directory }: StoredObject,
  path: string,
  refusal: string,
  title: string,
): Promise<void> {
  expect(node.log(), title).toContain(path);
  if (refusal.startsWith('14 UNAVAILABLE: ')) return;
  // In a list of pools that people edit, a flipped bit may give the pool another id.
  expect(refusal, title).toMatch(/^5 NOT_FOUND: /);
  const deletion = node.controller.DeleteVolume({ volume_id: basename(directory) });
  await expectRefusal(deletion, 'FAILED_PRECONDITION', 'does not exist on this node');
}
