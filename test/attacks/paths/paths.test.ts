import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listing } from '../../support/listing.ts';
import { outcomeOf } from '../../support/refusal.ts';
import { mountCapability } from '../../support/requests.ts';
import { mountsBelow } from '../../support/scratch.ts';
import { startedNode } from '../../support/test-node.ts';
import { plausibleRequest } from '../support/plausible-request.ts';
import { Random, rounds } from '../support/random.ts';
import { RawClient } from '../support/raw-client.ts';
import { type FieldPath, fieldsOf, messageWith, nameOf, rpcs } from '../support/rpcs.ts';

/** Looking at the files outside takes longer than a call. */
const CASES_PER_LOOK = 10;

const random = new Random('paths');

/** Replaced by as many bytes that are not UTF-8 in the encoded message. */
const NOT_UTF8 = 'not UTF-8';

/** A node that may mount in one directory, with files outside of it and of the pool that must stay as they are. */
async function nodeInWorld() {
  const node = await startedNode();
  const [mounts, outside] = [join(node.directory, 'mounts'), join(node.directory, 'outside')];
  for (const path of [mounts, join(outside, 'victim', 'data')]) mkdirSync(path, { recursive: true });
  writeFileSync(join(outside, 'victim', 'data', 'file'), 'precious');
  writeFileSync(join(outside, 'file'), 'precious');
  mkdirSync(join(outside, 'empty'));
  symlinkSync(outside, join(mounts, 'link'));
  await node.restart({ flags: [`--mount-dir=${mounts}`, '--enable-snapshot-metadata'] });
  return { node, mounts, outside };
}

function textsFor({ mounts, outside }: { mounts: string; outside: string }): string[] {
  return [
    ...['', '.', '..', '/', '../victim', '../../outside/victim', '../../../outside/file', '__proto__'],
    ...[outside, `${outside}/empty`, `${outside}/file`, `/proc/self/root${outside}/empty`, `/proc/self/cwd`],
    ...[`${mounts}/../outside/empty`, `${mounts}/link/empty`, `${mounts}/link`, `${mounts}//link/../empty`],
    ...['a\0b', `${outside}/empty\0`, `${mounts}/a\0/../../outside/empty`, NOT_UTF8],
    ...['n'.repeat(256), `${mounts}/${'d/'.repeat(2048)}`, `${outside}/${'n'.repeat(100_000)}`],
    ...[
      '\u2024\u2024/outside',
      '\u2025',
      '\uff0f\uff0e\uff0e\uff0foutside',
      '%2e%2e%2foutside',
      '..\\outside',
    ],
  ];
}

/** The value of a field of texts: in a list, or as key and value of a map. */
function valueFor(path: FieldPath, text: string): unknown {
  const field = path.at(-1);
  if (field?.map) return { [text]: text, 'csi.storage.k8s.io/ephemeral': 'true' };
  return field?.repeated ? [text] : text;
}

/** Puts bytes that are not UTF-8 in place of their mark. */
function withRawBytes(body: Uint8Array): Buffer {
  const bytes = Buffer.from(body);
  for (let at = bytes.indexOf(NOT_UTF8); at >= 0; at = bytes.indexOf(NOT_UTF8)) {
    bytes.fill(Buffer.of(0xff, 0xfe, 0xc0, 0xaf, 0x80), at, at + NOT_UTF8.length);
  }
  return bytes;
}

describe('what is outside of the pool and of --mount-dir stays as it is', () => {
  test('whatever path is in any text of any request', async () => {
    const world = await nodeInWorld();
    const { node, mounts, outside } = world;
    const client = new RawClient(`unix://${node.socket}`);
    const kept = await node.create('kept');
    const content = join(node.pool, 'volumes', kept, 'data', 'file');
    writeFileSync(content, 'precious');
    const fields = rpcs.flatMap((rpc) => fieldsOf(rpc.request).map((path) => ({ rpc, path })));
    const texts = fields.filter(({ path }) => path.at(-1)?.type === 'string');
    const cases = texts.flatMap((field) => textsFor(world).map((text) => ({ ...field, text })));
    const before = listing(outside);
    const titles: string[] = [];
    const expectUnchanged = async () => {
      const latest = titles.splice(0).join('\n');
      expect(listing(outside), latest).toEqual(before);
      expect(await mountsBelow(outside), latest).toEqual([]);
    };
    const isPath = ({ path }: (typeof cases)[number]) => path.at(-1)?.name.endsWith('_path') === true;
    const [ofPaths, others] = [cases.filter(isPath), cases.filter((each) => !isPath(each))];
    const chosen = [...random.sample(ofPaths, rounds(75)), ...random.sample(others, rounds(75))];
    for (const { rpc, path, text } of chosen) {
      const title = `${rpc.name} ${nameOf(path)} ${JSON.stringify(text.slice(0, 200))}`;
      const known = {
        volume_id: kept,
        source_volume_id: kept,
        name: 'x',
        staging_target_path: `${mounts}/s`,
      };
      const values = rpc.name.startsWith('Delete') ? {} : { ...known, target_path: `${mounts}/t` };
      const body = plausibleRequest(rpc, values, messageWith(path, valueFor(path, text)));
      const { code } = await client.call(rpc, withRawBytes(body));
      expect(['INTERNAL', 'UNKNOWN', 'UNAVAILABLE'], title).not.toContain(code);
      if (titles.push(title) === CASES_PER_LOOK) await expectUnchanged();
    }
    await expectUnchanged();
    client.close();
    expect(readFileSync(content, 'utf8')).toBe('precious');
  });

  test('however directories and symbolic links are swapped while calls work there', async () => {
    const { node, mounts, outside } = await nodeInWorld();
    const volume_capability = mountCapability();
    const volume_id = await node.create('swapped');
    const staging_target_path = join(mounts, 'staging');
    mkdirSync(staging_target_path);
    await node.node.NodeStageVolume({ volume_id, staging_target_path, volume_capability });
    const swapped = join(mounts, 'swapped');
    mkdirSync(swapped);
    const paths = { volume_id, staging_target_path, target_path: join(swapped, 'empty') };
    const other = { volume_id: await node.create('other'), staging_target_path: paths.target_path };
    const before = listing(outside);
    const swapper = await startSwapper(swapped, outside);
    const outcomes = new Set<string>();
    for (let round = 0; round < rounds(40); round++) {
      for (const call of [
        () => node.node.NodePublishVolume({ ...paths, volume_capability }),
        () => node.node.NodeUnpublishVolume(paths),
        () => node.node.NodeStageVolume({ ...other, volume_capability }),
        () => node.node.NodeUnstageVolume(other),
      ]) {
        const outcome = await outcomeOf(call());
        outcomes.add(outcome === 'OK' ? 'OK' : outcome.code);
      }
      expect(await mountsBelow(outside)).toEqual([]);
    }
    await swapper.end();
    expect(listing(outside)).toEqual(before);
    // The calls met both the directory and the link.
    expect(outcomes).toContain('OK');
    expect(outcomes).toContain('INVALID_ARGUMENT');
  });
});

/** A process that swaps a directory for a symbolic link to another, and back, until it is ended. */
async function startSwapper(path: string, destination: string) {
  const script = `
    const { renameSync, rmSync, symlinkSync } = require('node:fs');
    const [path, destination] = process.argv.slice(1);
    console.log('ready');
    let isOver = false;
    process.on('SIGTERM', () => { isOver = true; });
    const swap = () => {
      renameSync(path, path + '.aside');
      symlinkSync(destination, path);
      rmSync(path);
      renameSync(path + '.aside', path);
      if (!isOver) setImmediate(swap);
    };
    swap();`;
  const child = spawn(process.execPath, ['-e', script, path, destination], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async end() {
      child.kill();
      await once(child, 'close');
    },
  };
}
