import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MountRefusedError } from '../../../src/kernel/mounts/file-system-mount.ts';
import { runProgram } from '../../../src/kernel/process/program.ts';
import {
  fileSystemTypes,
  optionProblem,
  parseCapabilityFlags,
} from '../../../src/model/requests/file-system-options.ts';
import { isHostRoot } from '../../support/host-root.ts';
import { attached, MIB, makeFileSystem, mounted, newImage } from '../../support/loop.ts';

const options = [
  ...[
    'discard',
    'nodiscard',
    'discard=sync',
    'discard=async',
    'barrier',
    'nobarrier',
    'commit=0',
    'commit=99999',
  ],
  ...['data=journal', 'data=ordered', 'data=writeback', 'delalloc', 'nodelalloc', 'data=journal,delalloc'],
  ...[
    'errors=continue',
    'errors=remount-ro',
    'user_xattr',
    'acl',
    'noacl',
    'largeio',
    'nolargeio',
    'inode32',
  ],
  ...[
    'inode64',
    'allocsize=64k',
    'allocsize=1G',
    'allocsize=2g',
    'allocsize=5k',
    'allocsize=4096',
    'allocsize=2k',
  ],
  ...['wsync', 'nouuid', 'compress', 'compress-force', 'compress=zlib:9', 'compress=zstd:15', 'compress=lzo'],
  ...[
    'compress=no',
    'autodefrag',
    'noautodefrag',
    'ssd',
    'nossd',
    'nodatacow',
    'nodatasum',
    'sync',
    'lazytime',
  ],
].map((text) => text.split(','));

test.runIf(isHostRoot).each(fileSystemTypes)(
  'the accepted options for %s are the ones that the kernel shows',
  async (fsType) => {
    const { directory, path, fd } = await newImage(320n * MIB);
    await makeFileSystem(path, fsType);
    const target = join(directory, 'target');
    mkdirSync(target);
    const device = await attached(fd);
    const differences: string[] = [];
    for (const flags of options) {
      const { superblockOptions, fileSystemOptions } = parseCapabilityFlags('mount_flags', flags);
      const isAccepted = optionProblem(fsType, fileSystemOptions) === undefined;
      const isMounted = await mounts([...superblockOptions, ...fileSystemOptions]);
      if (isAccepted !== isMounted) differences.push(`${flags}: ${isAccepted ? 'accepted' : 'refused'}`);
    }
    expect(differences).toEqual([]);

    async function mounts(options: string[]): Promise<boolean> {
      try {
        await mounted(device, fsType, target, { options });
      } catch (error) {
        if (error instanceof MountRefusedError) return false;
        throw error;
      }
      await runProgram('umount', [target]);
      return true;
    }
  },
);
