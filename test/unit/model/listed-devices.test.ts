import { expect, test } from 'vitest';
import { ListedDevices } from '../../../src/model/find/listed-devices.ts';

const attached = (number: number, file: string, isRemoved = false) => ({
  path: `/dev/loop${number}`,
  number: `7:${number}`,
  file,
  isRemoved,
});

const file = '/pool/volumes/v/image';

test('a file has the device that was attached by its path', () => {
  const [removed, own, other] = [
    attached(0, file, true),
    attached(1, file),
    attached(2, '/pool/volumes/w/image'),
  ];
  expect(new ListedDevices([removed, own, other]).of(file)).toBe(own);
  expect(new ListedDevices([removed, other]).of(file)).toBeUndefined();
});

test('it may have one of which the list shows only the end of the path, or a copy of its pool', () => {
  const all = ['/v/image', '/copy/volumes/v/image', '/w/image', '/', ''].map((path, index) =>
    attached(index, path),
  );
  const listed = new ListedDevices(all);
  expect(listed.of(file)).toBeUndefined();
  expect(listed.likely(file)).toEqual(all.slice(0, 2));
});
