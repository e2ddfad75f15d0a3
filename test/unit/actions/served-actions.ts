import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AnyAction, actionPath } from '../../../src/actions/action.ts';
import { serveAction } from '../../../src/actions/serve-action.ts';
import type { Parts } from '../../../src/model/parts.ts';
import { startHttpServer } from '../../../src/observability/http/http-server.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** A server of actions, as a driver has it, over a node in memory. */
export interface ServedActions {
  /** The path of its socket. */
  readonly socket: string;
  /** Its log, with the errors of bugs. */
  readonly log: readonly { readonly what: object; readonly message: string }[];
  /** Ends it, with all connections. */
  close(): Promise<void>;
}

export async function servedActions(
  actions: Readonly<Record<string, AnyAction>>,
  model: Parts = fakeNode().model,
): Promise<ServedActions> {
  const log: { what: object; message: string }[] = [];
  const write = (what: object, message: string) => void log.push({ what, message });
  const logger = { info: write, error: write } as unknown as Logger;
  const beginWork = () => ({
    pools: model.catalogue.pools,
    lost: new AbortController().signal,
    confirm: async () => {},
    end: () => {},
  });
  const parts = { model, beginWork, renewReports: () => {}, logger };
  const path = join(temporaryDirectory(), 's');
  const server = await startHttpServer({
    address: { path },
    routes: new Map(),
    exchanges: new Map([[actionPath, (request, response) => serveAction(request, response, parts, actions)]]),
    onError: (error) => write({ error }, 'not handled'),
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= server.close();
    return closing;
  };
  onTestFinished(close);
  return { socket: path, log, close };
}
