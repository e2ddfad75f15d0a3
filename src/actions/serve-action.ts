import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { quote, VolumeError } from '../model/errors.ts';
import type { Parts } from '../model/parts.ts';
import type { SurveyWork } from '../model/survey/surveys.ts';
import type { Logger } from '../observability/logger.ts';
import { during } from '../rpc/call-work.ts';
import { type Action, type ActionContext, type ActionLine, type AnyAction, actionPath } from './action.ts';

/** What serving actions needs of the driver. */
export interface ActionParts {
  readonly model: Parts;
  readonly beginWork: () => SurveyWork;
  /** Has the next report found out anew. */
  readonly renewReports: () => void;
  readonly logger: Logger;
}

/**
 * Runs the action of a request and writes a line of JSON for each sentence that it tells, one before bytes that it sends, and one
 * for its end. An action whose client disconnects decides itself whether it goes on.
 */
export async function serveAction(
  request: IncomingMessage,
  response: ServerResponse,
  parts: ActionParts,
  actions: Readonly<Record<string, AnyAction>>,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  const name = pathname.slice(actionPath.length);
  const gone = new AbortController();
  response.on('close', () => gone.abort(new VolumeError('cancelled', 'the client has disconnected')));
  const write = (line: ActionLine) => {
    if (!gone.signal.aborted) response.write(`${JSON.stringify(line)}\n`);
  };
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  try {
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action) throw new VolumeError('unimplemented', `this driver has no action ${quote(name)}`);
    const input = parse(action, searchParams.get('input') ?? 'null');
    parts.logger.info({ action: name, input }, 'action');
    const result = await runAction(action, input, parts, (lost) => {
      const signal = AbortSignal.any([gone.signal, lost]);
      const send = async (bytes: Buffer) => {
        signal.throwIfAborted();
        write({ bytes: bytes.length });
        if (!response.write(bytes)) await untilAborted(once(response, 'drain'), signal);
      };
      return { signal, tell: (progress) => write({ progress }), body: bodyOf(request, signal), send };
    });
    write({ result: result ?? null });
  } catch (error) {
    write({ error: sentenceOf(error, name, parts.logger) });
  }
  response.end();
}

/**
 * The body of a request. A client that sends nothing must not keep a pool in use that has disappeared.
 * @throws the signal's reason; VolumeError cancelled: the client disconnects before the end of the body
 */
async function* bodyOf(
  request: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const chunks = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const next = chunks.next().catch((cause: unknown) => {
      throw new VolumeError('cancelled', 'the client has disconnected', { cause });
    });
    const { done, value } = await untilAborted(next, signal);
    if (done) return;
    yield value;
  }
}

/** Waits, but no longer than until the signal is aborted. @throws its reason */
function untilAborted<T>(waiting: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    waiting.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

function parse(action: AnyAction, text: string): unknown {
  try {
    return action.input.parse(JSON.parse(text));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : 'it is not JSON';
    throw new VolumeError('invalid', `the input of the action is invalid: ${problem}`);
  }
}

/**
 * Runs an action, which uses the pools through a task of its own.
 * @param talk how it talks to its client, given a signal that is aborted when a pool in use disappears
 * @throws VolumeError with a sentence for the user
 */
export async function runAction<Input, Result>(
  action: Action<Input, Result>,
  input: Input,
  { model, beginWork, renewReports }: ActionParts,
  talk: (lost: AbortSignal) => Omit<ActionContext, 'model' | 'held' | 'renewReports'>,
): Promise<Result> {
  const held = model.holds.hold(action.holds?.(input) ?? []);
  const work = beginWork();
  const ownModel = { ...model, catalogue: model.catalogue.withPools(work.pools) };
  try {
    return await during(work, () =>
      action.run(input, { model: ownModel, held, renewReports, ...talk(work.lost) }),
    );
  } finally {
    held.release();
  }
}

function sentenceOf(error: unknown, action: string, logger: Logger): string {
  if (error instanceof VolumeError) return error.message;
  logger.error({ err: error, action }, 'action failed');
  return "internal error; see the driver's log";
}
