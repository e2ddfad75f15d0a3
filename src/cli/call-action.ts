import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import type { ActionLine } from '../actions/action.ts';

/**
 * Has a running driver perform an action.
 * @param onProgress called with each line that the action tells
 * @returns its result
 * @throws Error with a sentence: what the driver answered, or that none runs
 */
export async function callAction(
  socketPath: string,
  name: string,
  input: unknown,
  onProgress: (text: string) => Promise<void>,
): Promise<unknown> {
  const path = `/actions/${name}?input=${encodeURIComponent(JSON.stringify(input))}`;
  for await (const text of linesOf(await replyTo(socketPath, path))) {
    const line = JSON.parse(text) as ActionLine;
    if ('error' in line) throw new Error(line.error);
    if ('result' in line) return line.result;
    await onProgress(line.progress);
  }
  throw new Error('the driver ended before the command did; run it again');
}

/** Its lines as far as they arrive. */
async function* linesOf(reply: IncomingMessage): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: reply });
  } catch (error) {
    if (reply.complete) throw error;
  }
}

async function replyTo(socketPath: string, path: string): Promise<IncomingMessage> {
  const response = await post(socketPath, path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the command needs a running driver, and none answers on ${socketPath}: ${reason}`;
    throw new Error(message, { cause: error });
  });
  if (response.statusCode !== 200) throw new Error(`the driver answers ${response.statusCode}`);
  return response;
}

function post(socketPath: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, method: 'POST' }, resolve).on('error', reject).end();
  });
}
