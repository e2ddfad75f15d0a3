import { truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KernelFormatter } from '../../../src/backends/image/kernel-formatter.ts';
import { fileSystemState } from '../../../src/kernel/file-systems/file-system-state.ts';
import { MIB, makeFileSystem, newImage } from '../../support/loop.ts';

test.each(['ext4', 'xfs', 'btrfs'] as const)(
  '%s reports its size, and that it has no errors',
  async (fsType) => {
    const { path } = await newImage(320n * MIB);
    const formatter = new KernelFormatter();
    expect(await fileSystemState(path)).toBeUndefined();
    expect(await formatter.faultOf(path)).toBeUndefined();
    await makeFileSystem(path, fsType);
    const bytes = { sizeBytes: 320n * MIB, imageBytes: 320n * MIB };
    expect(await fileSystemState(path)).toEqual({ fsType, ...bytes, errors: undefined });
    expect(await formatter.faultOf(path)).toBeUndefined();

    truncateSync(path, Number(300n * MIB));
    const cut = { kind: 'cut off', fileSystemBytes: 320n * MIB, sizeBytes: 300n * MIB };
    expect(await formatter.faultOf(path)).toEqual(cut);
  },
);
