import { describe, expect, test } from 'vitest';
import { ProjectIds } from '../../../src/backends/directory/project-ids.ts';
import { QuotaDirectory } from '../../../src/backends/directory/quota-directory.ts';
import { withDescriptor } from '../../../src/kernel/calls/descriptor.ts';
import { setQuota } from '../../../src/kernel/file-systems/project-quota.ts';
import { backendContract } from '../../contracts/backend-contract.ts';
import { hostBackendSubject } from '../../contracts/host-backend-subject.ts';
import { ext4, sharedQuota, xfs } from '../support/quota-file-system.ts';

const owner = { uid: 1000, gid: 2000 };

for (const fileSystem of [xfs, ext4]) {
  const { name } = fileSystem;
  const ownDirectory = sharedQuota(fileSystem);

  backendContract(`QuotaDirectory on ${name}`, async () => {
    const directory = ownDirectory();
    const projectIds = new ProjectIds();
    // The contract makes at most this many volumes at once.
    const reserved = await Promise.all(Array.from({ length: 8 }, () => projectIds.reserve(directory)));
    const content = () => ({ backend: 'quota', projectId: reserved.pop() ?? 0 }) as const;
    return hostBackendSubject(new QuotaDirectory(projectIds), directory, content, owner);
  });

  describe(`project ids on ${name}`, () => {
    test('an id that is already used on the file system is not assigned', async () => {
      const directory = ownDirectory();
      const candidates = [5_000_001, 5_000_002, 5_000_001];
      await withDescriptor(directory, 'r', (fd) =>
        setQuota(fd, 5_000_001, { limitBytes: 1024n ** 2n, limitInodes: 10n }),
      );
      const projectIds = new ProjectIds(() => candidates.shift() ?? 5_000_003);
      expect(await projectIds.reserve(directory)).toBe(5_000_002);
      expect(await projectIds.reserve(directory)).toBe(5_000_003);
    });
  });
}
