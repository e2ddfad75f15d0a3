import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { VolumeError } from '../model/errors.ts';
import { type CallWork, during } from './call-work.ts';
import { statusOf } from './status.ts';

/** One server-streaming RPC. */
export interface StreamMethod<Request, Response> {
  /**
   * Yields the messages one by one, each only when the caller can take it, or throws a VolumeError. When the signal is
   * aborted, no more messages are wanted; the method then ends soon, with the signal's reason.
   */
  stream(request: Request, signal: AbortSignal): AsyncIterable<Response>;
}

type StreamCall = ServerWritableStream<unknown, unknown>;

/** The task of one stream. */
export type StreamWork = Pick<
  CallWork<StreamMethod<unknown, unknown>>,
  'method' | 'lost' | 'confirm' | 'end'
>;

/**
 * Converts a streaming method into a handler for grpc-js.
 * @param begin begins the task of a call
 * @param watch runs a monitored call, from its start to the end of its last message
 */
export function streamHandler(
  begin: () => StreamWork,
  watch: (request: unknown, run: () => Promise<void>) => Promise<unknown>,
): (call: StreamCall) => void {
  return (call) => {
    const cancellation = new AbortController();
    const onCancelled = () =>
      cancellation.abort(new VolumeError('cancelled', 'the caller disconnected or its deadline expired'));
    call.once('cancelled', onCancelled);
    const work = begin();
    const signal = AbortSignal.any([cancellation.signal, work.lost]);
    watch(call.request, () => sendAll(call, work, signal))
      // Only this event makes grpc-js send a status; destroying the stream would leave the caller waiting.
      .catch((error: unknown) => call.emit('error', statusOf(error)))
      // It is also emitted after the end of every call.
      .finally(() => call.off('cancelled', onCancelled));
  };
}

async function sendAll(call: StreamCall, work: StreamWork, signal: AbortSignal): Promise<void> {
  await during(work, async () => {
    for await (const message of work.method.stream(call.request, signal)) {
      signal.throwIfAborted();
      await written(call, message, signal);
    }
    signal.throwIfAborted();
  });
  call.end();
  await finished(call, signal);
}

/**
 * Writes a message and waits until it is sent. The stream only reports that it is full after sixteen messages, which it would
 * keep in memory for a caller that reads nothing.
 * @throws the signal's reason
 */
function written(call: StreamCall, message: unknown, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    call.write(message, (error: Error | null | undefined) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    });
  });
}

/** @throws the signal's reason */
async function finished(call: StreamCall, signal: AbortSignal): Promise<void> {
  try {
    await once(call, 'finish', { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
