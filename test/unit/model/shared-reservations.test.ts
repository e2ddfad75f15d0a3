import { describe, expect, test } from 'vitest';
import { Account } from '../../../src/model/objects/account.ts';
import { SharedReservations } from '../../../src/model/state/shared-reservations.ts';

describe('the reservation for copies of one volume', () => {
  test('is the largest of them, until the last has ended', () => {
    const disk = new Account(undefined);
    const claims = new SharedReservations();
    const small = claims.reserve(disk, 'v', 10n);
    const large = claims.reserve(disk, 'v', 30n);
    const again = claims.reserve(disk, 'v', 30n);
    expect([claims.bytesOf('v'), disk.reservedBytes]).toEqual([30n, 30n]);
    large();
    expect(disk.reservedBytes).toBe(30n);
    again();
    expect([claims.bytesOf('v'), disk.reservedBytes]).toEqual([10n, 10n]);
    small();
    expect([claims.bytesOf('v'), disk.reservedBytes]).toEqual([0n, 0n]);
  });

  test('is separate from other volumes', () => {
    const disk = new Account(undefined);
    const claims = new SharedReservations();
    claims.reserve(disk, 'v', 10n);
    claims.reserve(disk, 'w', 20n);
    expect(disk.reservedBytes).toBe(30n);
    expect(claims.bytesOf('x')).toBe(0n);
  });

  test('is kept until the shared size is known, or the copy has failed', () => {
    const disk = new Account(undefined);
    const claims = new SharedReservations();
    claims.keep('snapshot', claims.reserve(disk, 'v', 10n));
    claims.keep('snapshot', claims.reserve(disk, 'w', 10n));
    claims.end('another');
    expect(disk.reservedBytes).toBe(20n);
    claims.end('snapshot');
    claims.end('snapshot');
    expect(disk.reservedBytes).toBe(0n);
  });
});
