import { describe } from 'vitest';
import { testGrowth } from '../../support/growth-walk.ts';
import { isHostRoot } from '../../support/host-root.ts';

describe.skipIf(!isHostRoot).each(['ext4', 'xfs', 'btrfs'] as const)('a volume with %s', testGrowth);
