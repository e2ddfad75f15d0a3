import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readOldVolumes } from '../../../src/cli/old-volumes.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

function fileWith(text: string): string {
  const path = join(temporaryDirectory(), 'pvs.json');
  writeFileSync(path, text);
  return path;
}

test('sizes, claims, access modes and block volumes are read; what is missing is left out', () => {
  const items = [
    {
      metadata: { name: 'one' },
      spec: {
        capacity: { storage: '1.5Gi' },
        claimRef: { namespace: 'shop', name: 'db', uid: 'u' },
        accessModes: ['ReadWriteMany', 'ReadOnlyMany'],
        volumeMode: 'Block',
      },
    },
    { metadata: { name: 'two' } },
    { spec: {} },
  ];
  expect(readOldVolumes(fileWith(JSON.stringify({ items })))).toEqual(
    new Map<string, unknown>([
      [
        'one',
        {
          sizeBytes: '1610612736',
          claim: { namespace: 'shop', name: 'db' },
          accessModes: ['MULTI_NODE_MULTI_WRITER', 'MULTI_NODE_READER_ONLY'],
          isBlock: true,
        },
      ],
      ['two', { isBlock: false }],
    ]),
  );
});

test.each([
  ['items:', 'it is not JSON'],
  ['{}', 'is not a list of PersistentVolumes'],
  ['null', 'is not a list of PersistentVolumes'],
  ['{"items": [{"metadata": {"name": "a"}, "spec": {"capacity": {"storage": "much"}}}]}', 'is not a size'],
])('%s is refused with a sentence', (text, reason) => {
  expect(() => readOldVolumes(fileWith(text))).toThrow(reason);
});

test('a file that cannot be read is named', () => {
  expect(() => readOldVolumes('/nowhere/pvs.json')).toThrow(
    '--volumes: cannot read /nowhere/pvs.json: ENOENT',
  );
});
