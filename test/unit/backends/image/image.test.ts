import { statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Image } from '../../../../src/backends/image/image.ts';
import { backendContract } from '../../../contracts/backend-contract.ts';
import { hostBackendSubject } from '../../../contracts/host-backend-subject.ts';
import { makeContent } from '../../../contracts/make-content.ts';
import { exampleVolume } from '../../model/fakes/model.ts';
import { blockContent, imageContent } from '../../model/fakes/requests.ts';
import { temporaryDirectory } from '../../temporary-directory.ts';

for (const content of [blockContent, imageContent()]) {
  const makeSubject = async () => {
    const directory = temporaryDirectory();
    const { uid, gid } = statSync(directory);
    return hostBackendSubject(new Image(), directory, () => content, { uid, gid });
  };
  backendContract(`Image of ${JSON.stringify(content)}`, makeSubject, { isImage: true });
}

test('an image belongs to the driver alone, takes no space yet, and has whole sectors', async () => {
  const directory = temporaryDirectory();
  const image = new Image();
  const volume = exampleVolume({ content: blockContent, capacityBytes: 1_000_001n });
  await makeContent(directory, image.emptyContent(volume));
  const { mode, size, blocks } = statSync(image.contentOf(directory));
  expect({ mode: mode & 0o7777, size, blocks }).toEqual({ mode: 0o600, size: 1_000_448, blocks: 0 });
});
