import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod';
import { quote, VolumeError } from '../model/errors.ts';
import type { Parts } from '../model/parts.ts';
import type { SurveyWork } from '../model/survey/surveys.ts';
import type { Logger } from '../observability/logger.ts';
import { during } from '../rpc/call-work.ts';
import type { Action, ActionContext, ActionLine, AnyAction } from './action.ts';

/** What serving actions needs of the driver. */
export interface ActionParts {
  readonly model: Parts;
  readonly beginWork: () => SurveyWork;
  /** Has the next report found out anew. */
  readonly renewReports: () => void;
  readonly logger: Logger;
}

/** The path of an action is this and its name; its input is JSON in the parameter `input` of the query. */
export const actionPath = '/actions/';

/**
 * Runs the action of a request and writes a line of JSON for each sentence that it tells, one before bytes that it sends, and one
 * for its end. An action whose
 * client disconnects decides itself whether it goes on.
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
    const tell = (progress: string) => write({ progress });
    const send = async (bytes: Buffer) => {
      gone.signal.throwIfAborted();
      write({ bytes: bytes.length });
      if (!response.write(bytes)) await once(response, 'drain', { signal: gone.signal }).catch(throwGone);
    };
    const result = await runAction(action, input, parts, {
      signal: gone.signal,
      tell,
      body: bodyOf(request),
      send,
    });
    write({ result: result ?? null });
  } catch (error) {
    write({ error: sentenceOf(error, name, parts.logger) });
  }
  response.end();

  function throwGone(): never {
    throw gone.signal.reason;
  }
}

/** @throws VolumeError cancelled: the client disconnects before the end of the body */
async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* request as AsyncIterable<Buffer>;
  } catch (error) {
    throw new VolumeError('cancelled', 'the client has disconnected', { cause: error });
  }
}

function parse(action: AnyAction, text: string): unknown {
  try {
    return action.input.parse(JSON.parse(text));
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : 'it is not JSON';
    throw new VolumeError('invalid', `the input of the action is invalid: ${problem}`);
  }
}

/** Runs an action, which uses the pools through a task of its own. @throws VolumeError with a sentence for the user */
export async function runAction<Input, Result>(
  action: Action<Input, Result>,
  input: Input,
  { model, beginWork, renewReports }: ActionParts,
  { signal, ...io }: Omit<ActionContext, 'model' | 'held' | 'renewReports'>,
): Promise<Result> {
  const held = model.holds.hold(action.holds?.(input) ?? []);
  const work = beginWork();
  const ownModel = { ...model, catalogue: model.catalogue.withPools(work.pools) };
  try {
    return await during(work, () =>
      action.run(input, {
        model: ownModel,
        held,
        signal: AbortSignal.any([signal, work.lost]),
        renewReports,
        ...io,
      }),
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
