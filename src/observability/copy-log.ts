import type { CopyProgress } from '../model/state/copies.ts';
import type { Logger } from './logger.ts';

/** Logs the progress of long copies. */
export function copyLogger(logger: Logger): (progress: CopyProgress) => void {
  return ({ id, from, state, copiedBytes, durationMs, ...more }) => {
    const told = {
      id,
      from,
      copiedBytes: copiedBytes.toString(),
      durationMs: Math.round(durationMs),
      ...more,
    };
    if (state === 'failed') logger.warn(told, 'copy failed');
    else logger.info(told, `copy ${state}`);
  };
}
