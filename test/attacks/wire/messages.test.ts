import { describe, expect, test } from 'vitest';
import { AttackedDriver } from '../support/attacked-driver.ts';
import { plausibleRequest } from '../support/plausible-request.ts';
import { Random, rounds } from '../support/random.ts';
import type { Ending } from '../support/raw-client.ts';
import { type FieldPath, fieldsOf, messageWith, nameOf, randomMessage, rpcs } from '../support/rpcs.ts';

const MIB = 1024 ** 2;
const ENTRIES = 100_000;
const random = new Random('messages');

/** A fault of the driver has this code as well, with a text that names no request. */
const MALFORMED: Partial<Ending> = { code: 'INTERNAL', details: 'Error deserializing request' };

/** Expects any answer that blames the request. */
function expectSoundEnding(ending: Ending, of: string): void {
  if (ending.code === 'INTERNAL') expect(ending, of).toMatchObject(MALFORMED);
  expect(['UNKNOWN', 'UNAVAILABLE', 'DATA_LOSS'], of).not.toContain(ending.code);
}

/** Changes some bytes of a message, or its length. */
function mutate(body: Buffer): Buffer {
  const changed = Buffer.from(body);
  for (let change = random.below(4); change > 0 && changed.length > 0; change--) {
    changed[random.below(changed.length)] = random.below(256);
  }
  switch (random.below(4)) {
    case 0:
      return changed.subarray(0, random.below(changed.length + 1));
    case 1:
      return Buffer.concat([changed, random.bytes(random.below(32))]);
    case 2:
      // The field 1 with ever deeper messages in it.
      return nested(changed, 5_000);
    default:
      return changed;
  }
}

function nested(body: Buffer, levels: number): Buffer {
  let [inner, depth] = [body, 0];
  while (depth++ < levels && inner.length < MIB)
    inner = Buffer.concat([Buffer.of(10), varint(inner.length), inner]);
  return inner;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    bytes.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) return Buffer.from(bytes);
  }
}

describe('a driver stays small, and answers others, while it gets', () => {
  test('fuzzed messages for every RPC', async () => {
    const attacked = await AttackedDriver.start(['--enable-snapshot-metadata', '--enable-attach']);
    const known = await attacked.node.create('known');
    // No text that leads out of the node's directory.
    const texts = [
      '',
      known,
      'x',
      '\0',
      'some/path',
      attacked.node.newPath(),
      'backend',
      'image',
      'directory',
    ];
    expect(rpcs).toHaveLength(36);
    await attacked.withstands(async (client) => {
      for (const rpc of rpcs) {
        for (let round = 0; round < rounds(3); round++) {
          const body = Buffer.from(rpc.request.encode(randomMessage(rpc.request, random, texts)).finish());
          const sent = round % 3 === 0 ? body : mutate(body);
          expectSoundEnding(
            await client.call(rpc, sent),
            `${rpc.name} ${sent.subarray(0, 500).toString('hex')}`,
          );
        }
      }
    });
  });

  test('messages of 4 MiB and of one byte more', async () => {
    const attacked = await AttackedDriver.start();
    const ofBytes = (bytes: number) => {
      const name = Buffer.alloc(bytes - 5, 'n');
      return Buffer.concat([Buffer.of(10), varint(name.length), name]);
    };
    await attacked.withstands(async (client) => {
      for (const rpc of random.sample(rpcs, rounds(6))) {
        const over = await client.call(rpc, ofBytes(4 * MIB + 1));
        expect(over, rpc.name).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
        expectSoundEnding(await client.call(rpc, ofBytes(4 * MIB)), rpc.name);
      }
    });
  });

  test('maps and lists of 100,000 entries', async () => {
    const attacked = await AttackedDriver.start();
    const known = { volume_id: await attacked.node.create('known'), name: 'new' };
    const fields = rpcs.flatMap((rpc) => fieldsOf(rpc.request).map((path) => ({ rpc, path })));
    const lists = fields.filter(({ path }) => path.at(-1)?.repeated || path.at(-1)?.map);
    await attacked.withstands(async (client) => {
      for (const { rpc, path } of random.sample(lists, rounds(6))) {
        const body = plausibleRequest(rpc, known, messageWith(path, manyOf(path)));
        expectSoundEnding(await client.call(rpc, body), `${rpc.name} ${nameOf(path)}`);
      }
    });
  });
});

/** The value of a map or list with 100,000 entries. */
function manyOf(path: FieldPath): unknown {
  const keys = Array.from({ length: ENTRIES }, (_, index) => `key-${index}`);
  if (path.at(-1)?.map) return Object.fromEntries(keys.map((key) => [key, 'x']));
  return path.at(-1)?.resolvedType ? keys.map(() => ({})) : keys;
}
