import { Readable } from 'node:stream';
import { VolumeError } from '../model/errors.ts';
import { type ActionParts, runAction } from './serve-action.ts';
import { trim } from './trim.ts';

/** Nobody reads what the action tells. */
const noClient = { tell: () => {}, body: Readable.from([]), send: async () => {} };

/** Trims all images again and again, and logs what that gave. @returns a function that ends it */
export function scheduleTrims(intervalMs: number, parts: ActionParts): () => void {
  const stopped = new AbortController();
  let isRunning = false;
  const run = async () => {
    if (isRunning) return;
    isRunning = true;
    try {
      const reports = await runAction(trim, {}, parts, (lost) => ({
        ...noClient,
        signal: AbortSignal.any([stopped.signal, lost]),
      }));
      parts.logger.info({ reports }, 'images trimmed');
    } catch (err) {
      if (!stopped.signal.aborted) parts.logger.warn({ err }, 'images not trimmed');
    }
    isRunning = false;
  };
  const timer = setInterval(() => void run(), intervalMs);
  // It must not keep the process alive.
  timer.unref();
  return () => {
    clearInterval(timer);
    stopped.abort(new VolumeError('unavailable', 'the driver is stopping'));
  };
}
