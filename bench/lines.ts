import { burstLine } from './lines/burst.ts';
import { createLine } from './lines/create.ts';
import { deleteLine } from './lines/delete.ts';
import { deltaLine } from './lines/delta.ts';
import { growthLine } from './lines/growth.ts';
import { lifeLine } from './lines/life.ts';
import { listLine } from './lines/list.ts';
import { memoryLine } from './lines/memory.ts';
import { probeLine } from './lines/probe.ts';
import { reflinkLine } from './lines/reflink.ts';
import { stageLine } from './lines/stage.ts';
import { startLine } from './lines/start.ts';
import { plainCopyLine, treeLine } from './lines/tree.ts';
import type { Line } from './measurement.ts';

/** The lines of the table, in its order. */
export const lines: readonly Line[] = [
  createLine,
  lifeLine,
  stageLine,
  growthLine,
  probeLine,
  burstLine,
  listLine,
  startLine,
  memoryLine,
  reflinkLine,
  treeLine,
  plainCopyLine,
  deleteLine,
  deltaLine,
];
