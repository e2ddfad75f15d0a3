import { describe, expect, test } from 'vitest';
import { Account } from '../../../src/model/objects/account.ts';
import { SharingClaims } from '../../../src/model/state/sharing-claims.ts';
import { deferred } from './fakes/gate.ts';

describe('what is kept for copies of one volume', () => {
  test('is the most that one of them makes shared, until the last has ended', () => {
    const disk = new Account(undefined);
    const claims = new SharingClaims();
    const small = claims.hold(disk, 'v', 10n);
    const large = claims.hold(disk, 'v', 30n);
    const again = claims.hold(disk, 'v', 30n);
    expect([claims.bytesOf('v'), disk.reservedBytes]).toEqual([30n, 30n]);
    large();
    expect(disk.reservedBytes).toBe(30n);
    again();
    expect([claims.bytesOf('v'), disk.reservedBytes]).toEqual([10n, 10n]);
    small();
    expect([claims.bytesOf('v'), disk.reservedBytes]).toEqual([0n, 0n]);
  });

  test('is apart from what is kept for others', () => {
    const disk = new Account(undefined);
    const claims = new SharingClaims();
    claims.hold(disk, 'v', 10n);
    claims.hold(disk, 'w', 20n);
    expect(disk.reservedBytes).toBe(30n);
    expect(claims.bytesOf('x')).toBe(0n);
  });

  test('is kept until what is made is known, or has come to nothing', () => {
    const disk = new Account(undefined);
    const claims = new SharingClaims();
    claims.keep('snapshot', claims.hold(disk, 'v', 10n));
    claims.keep('snapshot', claims.hold(disk, 'w', 10n));
    claims.end('another');
    expect(disk.reservedBytes).toBe(20n);
    claims.end('snapshot');
    claims.end('snapshot');
    expect(disk.reservedBytes).toBe(0n);
  });
});

describe('work in turn', () => {
  test('begins when all before it for the same volume is done, also where that failed', async () => {
    const claims = new SharingClaims();
    const gate = deferred<void>();
    const seen: string[] = [];
    const first = claims.inTurn('v', async () => {
      await gate.promise;
      seen.push('first');
      throw new Error('no');
    });
    const second = claims.inTurn('v', async () => seen.push('second'));
    await claims.inTurn('w', async () => seen.push('other'));
    expect(seen).toEqual(['other']);
    gate.resolve();
    await expect(first).rejects.toThrow('no');
    await second;
    expect(seen).toEqual(['other', 'first', 'second']);
  });
});
