import { statSync } from 'node:fs';
import { PlainDirectory } from '../../../../src/backends/directory/plain-directory.ts';
import { backendContract } from '../../../contracts/backend-contract.ts';
import { hostBackendSubject } from '../../../contracts/host-backend-subject.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

backendContract('PlainDirectory', async () => {
  const directory = temporaryDirectory();
  const { uid, gid } = statSync(directory);
  return hostBackendSubject(new PlainDirectory(), directory, () => ({ backend: 'directory' }), { uid, gid });
});
