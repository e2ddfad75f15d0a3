import { createLine } from './lines/create.ts';
import type { Line } from './measurement.ts';

/** The lines of the table, in its order. */
export const lines: readonly Line[] = [createLine];
