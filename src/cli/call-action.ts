import { type IncomingMessage, request } from 'node:http';
import type { Readable } from 'node:stream';
import { type ActionLine, actionPath } from '../actions/action.ts';

/** What a client does with what an action sends. */
export interface ActionClient {
  /** Called with each line that the action tells. */
  readonly onProgress?: (text: string) => Promise<void>;
  readonly onBytes?: (bytes: Buffer) => Promise<void>;
  /** What is sent with the request. */
  readonly body?: Readable;
  /** Ends the call. */
  readonly stopped?: AbortSignal;
}

/**
 * Has a running driver perform an action.
 * @returns its result
 * @throws Error with a sentence: what the driver answered, or that none runs
 */
export async function callAction(
  socketPath: string,
  name: string,
  input: unknown,
  client: ActionClient = {},
): Promise<unknown> {
  const path = `${actionPath}${name}?input=${encodeURIComponent(JSON.stringify(input))}`;
  const response = await post(socketPath, path, client).catch((error: unknown) => {
    if (client.stopped?.aborted) throw new Error('interrupted');
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the command needs a running driver, and none answers on ${socketPath}: ${reason}`;
    throw new Error(message, { cause: error });
  });
  if (response.statusCode !== 200) throw new Error(`the driver answers ${response.statusCode}`);
  try {
    return await resultOf(response, client);
  } catch (error) {
    if (client.stopped?.aborted) throw new Error('interrupted');
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNRESET')) throw error;
    throw endedError(error);
  } finally {
    response.destroy();
    client.body?.destroy();
  }
}

/** Splits the reply into lines, and the bytes that follow some of them. */
async function resultOf(
  response: IncomingMessage,
  { onProgress = async () => {}, onBytes = async () => {} }: ActionClient,
): Promise<unknown> {
  let rest: Buffer = Buffer.alloc(0);
  let byteCount = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (byteCount > 0) {
        if (rest.length === 0) break;
        const bytes = rest.subarray(0, byteCount);
        rest = rest.subarray(bytes.length);
        byteCount -= bytes.length;
        await onBytes(bytes);
        continue;
      }
      const end = rest.indexOf('\n');
      if (end < 0) break;
      const line = JSON.parse(rest.toString('utf8', 0, end)) as ActionLine;
      rest = rest.subarray(end + 1);
      if ('error' in line) throw new Error(line.error);
      if ('result' in line) return line.result;
      if ('bytes' in line) byteCount = line.bytes;
      else await onProgress(line.progress);
    }
  }
  throw endedError();
}

function endedError(cause?: unknown): Error {
  return new Error('the driver ended before the command did; run it again', { cause });
}

function post(socketPath: string, path: string, { body, stopped }: ActionClient): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, path, method: 'POST', ...(stopped ? { signal: stopped } : {}) },
      (response) => {
        // A driver that refuses the body answers before it has read all of it.
        call.on('error', () => {});
        resolve(response);
      },
    );
    call.on('error', reject);
    if (body) body.on('error', (error) => call.destroy(error)).pipe(call);
    else call.end();
  });
}
