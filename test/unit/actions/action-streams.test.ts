import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import * as z from 'zod';
import type { ActionContext, AnyAction } from '../../../src/actions/action.ts';
import { serveAction } from '../../../src/actions/serve-action.ts';
import { callAction } from '../../../src/cli/call-action.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { startHttpServer } from '../../../src/observability/http/http-server.ts';
import type { Logger } from '../../../src/observability/logger.ts';
import { eventually } from '../../support/eventually.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** Where a driver with one action answers. */
async function serving(run: (input: unknown, context: ActionContext) => Promise<unknown>) {
  const path = join(temporaryDirectory(), 's');
  const lost = new AbortController();
  const { model } = fakeNode();
  const logger = { info: () => {} } as unknown as Logger;
  const work = { pools: model.catalogue.pools, lost: lost.signal, confirm: async () => {}, end: () => {} };
  const actionParts = { model, beginWork: () => work as never, renewReports: () => {}, logger };
  const actions: Record<string, AnyAction> = { act: { input: z.unknown(), run } };
  const server = await startHttpServer({
    address: { path },
    routes: new Map(),
    exchanges: new Map([
      ['/actions/', (request, response) => serveAction(request, response, actionParts, actions)],
    ]),
    onError: () => {},
  });
  onTestFinished(() => server.close());
  return { path, lost };
}

test('sentences, bytes and the result arrive in order, and the body is read', async () => {
  const { path } = await serving(async (input, { tell, send, body }) => {
    tell('first');
    for await (const bytes of body) await send(Buffer.concat([bytes, Buffer.from('\n{')]));
    tell('last');
    return { input };
  });
  const heard: string[] = [];
  const result = await callAction(
    path,
    'act',
    { x: 1 },
    {
      onProgress: async (text) => void heard.push(text),
      onBytes: async (bytes) => void heard.push(bytes.toString()),
      body: Readable.from([Buffer.from('{"error":"no"}\n')]),
    },
  );
  expect(result).toEqual({ input: { x: 1 } });
  expect([heard[0], heard.slice(1, -1).join(''), heard.at(-1)]).toEqual([
    'first',
    '{"error":"no"}\n\n{',
    'last',
  ]);
});

const silent = { onProgress: async () => {} };

test('a client that sends nothing does not keep a pool that has disappeared', async () => {
  const { path, lost } = await serving(async (_input, { body }) => {
    for await (const _ of body) lost.abort(new VolumeError('unavailable', 'the pool is gone'));
  });
  const body = new PassThrough();
  body.write('x');
  await expect(callAction(path, 'act', 1, { ...silent, body })).rejects.toThrow('the pool is gone');
});

test('a client that is interrupted ends, and so does the action', async () => {
  const stopped = new AbortController();
  const reasons: string[] = [];
  const { path } = await serving(async (_input, { send }) => {
    stopped.abort();
    try {
      for (;;) await send(Buffer.alloc(100_000));
    } catch (error) {
      reasons.push((error as Error).message);
      throw error;
    }
  });
  const call = callAction(path, 'act', 1, { ...silent, stopped: stopped.signal });
  await expect(call).rejects.toThrow('interrupted');
  await eventually(() => expect(reasons).toEqual(['the client has disconnected']));
});
