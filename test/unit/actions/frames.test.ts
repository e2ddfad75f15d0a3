import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteReader } from '../../../src/actions/moving/byte-reader.ts';
import { type Frame, FrameReader, FrameWriter, frameTypes } from '../../../src/actions/moving/frames.ts';

const frame = fc.record({
  type: fc.constantFrom(frameTypes.data, frameTypes.zeros, frameTypes.archive),
  payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
});

async function streamOf(frames: readonly Frame[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new FrameWriter(async (bytes) => void chunks.push(bytes));
  for (const { type, payload } of frames)
    await writer.write(type, payload.subarray(0, 3), payload.subarray(3));
  await writer.write(frameTypes.end);
  return Buffer.concat(chunks);
}

async function read(stream: Buffer, chunkBytes = stream.length + 1) {
  async function* chunks() {
    for (let at = 0; at < stream.length; at += chunkBytes) yield stream.subarray(at, at + chunkBytes);
  }
  const reader = new FrameReader(new ByteReader(chunks()));
  await reader.begin();
  const frames: Frame[] = [];
  for (let next = await reader.next(); next; next = await reader.next()) frames.push(next);
  return { frames, digest: reader.digest };
}

test('what was written is read, in chunks of any size', async () => {
  const anyFrames = fc.array(frame, { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(anyFrames, fc.integer({ min: 1, max: 100 }), async (frames, chunkBytes) => {
      const stream = await streamOf(frames);
      expect((await read(stream, chunkBytes)).frames).toEqual(frames);
    }),
  );
});

test('the digest is the SHA-256 of all frames without their checksums', async () => {
  const stream = await streamOf([{ type: 'D', payload: Buffer.from('12345678x') }]);
  const parts = [stream.subarray(0, 22 + 5 + 9), stream.subarray(22 + 5 + 9 + 32, -32)];
  const digest = createHash('sha256').update(Buffer.concat(parts)).digest('hex');
  expect((await read(stream)).digest).toBe(digest);
});

test('a stream that is cut short, has a changed bit, or lacks or repeats a frame is refused', async () => {
  const payloads = ['first', 'second', '', 'fourth'].map((text) => Buffer.from(text));
  const frames = payloads.map((payload): Frame => ({ type: frameTypes.archive, payload }));
  const stream = await streamOf(frames);
  for (let end = 0; end < stream.length; end++)
    await expect(read(stream.subarray(0, end)), `cut at ${end}`).rejects.toMatchObject({ kind: 'invalid' });
  for (let bit = 0; bit < stream.length * 8; bit++) {
    const changed = Buffer.from(stream);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    await expect(read(changed), `bit ${bit}`).rejects.toMatchObject({ kind: 'invalid' });
  }
  const second = [22 + 5 + 5 + 32, 22 + 2 * (5 + 32) + 5 + 6] as const;
  const without = Buffer.concat([stream.subarray(0, second[0]), stream.subarray(second[1])]);
  const twice = Buffer.concat([stream.subarray(0, second[1]), stream.subarray(second[0])]);
  for (const changed of [without, twice, Buffer.concat([stream, stream])])
    await expect(read(changed)).rejects.toMatchObject({ kind: 'invalid' });
});
