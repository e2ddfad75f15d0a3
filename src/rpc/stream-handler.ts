import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { VolumeError } from '../volume/errors.ts';
import { statusOf } from './status.ts';

/** One RPC that answers any number of messages. */
export interface StreamMethod<Request, Response> {
  /**
   * Answers the messages one by one, each only when the caller can take it, or throws a VolumeError. When the signal is
   * aborted nobody wants any more; then it ends soon, with the signal's reason.
   */
  stream(request: Request, signal: AbortSignal): AsyncIterable<Response>;
}

type StreamCall = ServerWritableStream<unknown, unknown>;

/**
 * Turns a method that streams into what grpc-js serves.
 * @param watch runs a call under the eyes of the call monitor, from its beginning to the end of its last message
 */
export function streamHandler(
  method: StreamMethod<unknown, unknown>,
  watch: (request: unknown, run: () => Promise<void>) => Promise<unknown>,
): (call: StreamCall) => void {
  return (call) => {
    const cancellation = new AbortController();
    const { signal } = cancellation;
    const onCancelled = () =>
      cancellation.abort(new VolumeError('cancelled', 'the caller has gone away, or its time is up'));
    call.once('cancelled', onCancelled);
    watch(call.request, () => sendAll(call, method, signal))
      // Only this event makes grpc-js send a status; destroying the stream would leave the caller waiting.
      .catch((error: unknown) => call.emit('error', statusOf(error)))
      // It is emitted after the end of every call, too.
      .finally(() => call.off('cancelled', onCancelled));
  };
}

async function sendAll(
  call: StreamCall,
  method: StreamMethod<unknown, unknown>,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of method.stream(call.request, signal)) {
    signal.throwIfAborted();
    if (!call.write(message)) await happens(call, 'drain', signal);
  }
  signal.throwIfAborted();
  call.end();
  await happens(call, 'finish', signal);
}

/** @throws the signal's reason */
async function happens(call: StreamCall, event: 'drain' | 'finish', signal: AbortSignal): Promise<void> {
  try {
    await once(call, event, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
