import { expect, test } from 'vitest';
import { type ImagePiece, imagePieces, pieceBytes } from '../../../src/model/moving/image-pieces.ts';
import { FakeBlockMaps, FakeBlocks } from './fakes/fake-block-maps.ts';

const KIB = 1024;
const SIZE = 4 * pieceBytes;
const neverAborted = new AbortController().signal;

function blocks(...writes: readonly (readonly [offset: number, bytes: Buffer])[]): FakeBlocks {
  const made = new FakeBlocks(BigInt(SIZE));
  for (const [offset, bytes] of writes) made.write(bytes, offset);
  return made;
}

async function piecesOf(image: FakeBlocks, base?: FakeBlocks, sizeBytes = SIZE): Promise<ImagePiece[]> {
  const maps = new FakeBlockMaps();
  maps.images.set('image', image);
  if (base) maps.images.set('base', base);
  const [open, openBase] = [await maps.open('image'), await maps.open('base')];
  if (!open) throw new Error('the image is missing');
  const pieces: ImagePiece[] = [];
  for await (const piece of imagePieces(open, openBase, BigInt(sizeBytes), neverAborted)) pieces.push(piece);
  return pieces;
}

const data = (start: number, bytes: Buffer) => ({ kind: 'data', start: BigInt(start), bytes });
const filled = (bytes: number, text = 'x') => Buffer.alloc(bytes, text);

test('data is split at the multiples of a piece, and zeros are left out', async () => {
  const image = blocks(
    [pieceBytes - 8 * KIB, filled(16 * KIB)],
    [2 * pieceBytes, Buffer.alloc(64 * KIB)],
    [2 * pieceBytes + 8 * KIB, filled(1)],
  );
  const last = Buffer.alloc(4 * KIB);
  last.write('x');
  expect(await piecesOf(image)).toEqual([
    data(pieceBytes - 8 * KIB, filled(8 * KIB)),
    data(pieceBytes, filled(8 * KIB)),
    data(2 * pieceBytes + 8 * KIB, last),
  ]);
});

test('the pieces do not depend on which zeros were written', async () => {
  const content = [12 * KIB, filled(4 * KIB)] as const;
  const sparse = await piecesOf(blocks(content));
  expect(await piecesOf(blocks([0, Buffer.alloc(SIZE)], content))).toEqual(sparse);
});

test('changes include what has become zero', async () => {
  const base = blocks([0, filled(16 * KIB)]);
  const image = blocks(
    [0, filled(16 * KIB)],
    [4 * KIB, Buffer.alloc(4 * KIB)],
    [8 * KIB, filled(4 * KIB, 'y')],
  );
  expect(await piecesOf(image, base)).toEqual([
    { kind: 'zeros', start: BigInt(4 * KIB), end: BigInt(8 * KIB) },
    data(8 * KIB, filled(4 * KIB, 'y')),
  ]);
});

test('room behind the recorded size is left out', async () => {
  const image = blocks([8 * KIB, filled(16 * KIB)]);
  expect(await piecesOf(image, undefined, 12 * KIB)).toEqual([data(8 * KIB, filled(4 * KIB))]);
});
