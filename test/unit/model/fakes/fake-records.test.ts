import { passStep } from '../../../../src/model/steps.ts';
import { volumeRecords } from '../../../../src/records/record-kinds.ts';
import { recordsContract } from '../../../contracts/records-contract.ts';
import { FakeRecords } from './fake-records.ts';
import { FakeTree } from './fake-tree.ts';

recordsContract('FakeRecords', async () => {
  const tree = new FakeTree('8:1');
  const destroyed: string[] = [];
  const destroy = async (directory: string) => {
    destroyed.push(directory);
    tree.remove(directory);
  };
  const records = new FakeRecords({
    kind: volumeRecords,
    tree,
    poolPath: '/pool',
    poolName: 'default',
    destroy,
    onStep: passStep,
  });
  const namesIn = (path: string) => {
    const entry = tree.find(path);
    return entry?.kind === 'directory' ? [...entry.entries.keys()] : [];
  };
  return {
    records,
    root: { uid: 1000, gid: 2000, mode: 0o750 },
    retained: records.retained,
    destroyed,
    outside: '/outside',
    makeDirectory: async (path) => void tree.makeDirectory(path),
    exists: async (path) => tree.find(path) !== undefined,
    damage: async (id) => records.damage(id, 'it is empty'),
    idle: () => records.idle(),
    leftovers: async () =>
      ['.incoming', '.outgoing', '.adopting'].flatMap((name) => namesIn(`/pool/${name}`)),
  };
});
