import { once } from 'node:events';
import { request } from 'node:http';
import { expect, test } from 'vitest';
import * as z from 'zod';
import type { Action, ActionContext } from '../../../src/actions/action.ts';
import { callAction } from '../../../src/cli/call-action.ts';
import { VolumeError } from '../../../src/model/errors.ts';
import { exclusive } from '../../../src/model/state/holds.ts';
import { fakeNode } from '../model/fakes/model.ts';
import { servedActions } from './served-actions.ts';

const input = z.object({ id: z.string() });

/** An action that holds a volume and does this. */
function doing(run: (context: ActionContext, id: string) => unknown): Action<z.infer<typeof input>, unknown> {
  return {
    input,
    holds: ({ id }) => [exclusive('volume', id)],
    run: async ({ id }, context) => run(context, id),
  };
}

/** The sentences that an action tells, and its result or error. */
async function call(socket: string, name: string, given: unknown = { id: 'v' }) {
  const told: string[] = [];
  const result = await callAction(socket, name, given, {
    onProgress: async (text) => void told.push(text),
  }).catch((error: Error) => error.message);
  return { told, result };
}

test('an action tells its sentences in order, and then has its result', async () => {
  const { socket, log } = await servedActions({
    count: doing(({ tell }) => {
      for (const each of ['one', 'two', 'line\nbreak']) tell(each);
      return { counted: 3 };
    }),
  });
  expect(await call(socket, 'count')).toEqual({
    told: ['one', 'two', 'line\nbreak'],
    result: { counted: 3 },
  });
  expect(log).toEqual([{ what: { action: 'count', input: { id: 'v' } }, message: 'action' }]);
});

test('an action without a result ends as well', async () => {
  const { socket } = await servedActions({ nothing: doing(() => undefined) });
  expect(await call(socket, 'nothing')).toEqual({ told: [], result: null });
});

test.each(['absent', 'toString', ''])('an unknown action is named: %j', async (name) => {
  const { socket } = await servedActions({ known: doing(() => 1) });
  expect((await call(socket, name)).result).toBe(`this driver has no action ${JSON.stringify(name)}`);
});

test('invalid input is refused with the name of its field, and nothing runs', async () => {
  let runCount = 0;
  const { socket } = await servedActions({ known: doing(() => void runCount++) });
  expect((await call(socket, 'known', { id: 7 })).result).toMatch(
    /^the input of the action is invalid: .*expected string, received number\n.*at id$/s,
  );
  expect((await call(socket, 'known', null)).result).toMatch(/^the input of the action is invalid: /);
  expect(await rawReply(socket, '/actions/known?input=%7B')).toBe(
    '{"error":"the input of the action is invalid: it is not JSON"}\n',
  );
  expect(runCount).toBe(0);
});

test('an error for the user is shown as it is, after what was told before', async () => {
  const { socket, log } = await servedActions({
    refuse: doing(({ tell }) => {
      tell('looking');
      throw new VolumeError('precondition', 'volume "v" is in use');
    }),
  });
  expect(await call(socket, 'refuse')).toEqual({ told: ['looking'], result: 'volume "v" is in use' });
  expect(log.map(({ message }) => message)).toEqual(['action']);
});

test('a bug is only in the log', async () => {
  const bug = new Error('password 123');
  const { socket, log } = await servedActions({
    fail: doing(() => {
      throw bug;
    }),
  });
  expect((await call(socket, 'fail')).result).toBe("internal error; see the driver's log");
  expect(log.at(-1)).toEqual({ what: { err: bug, action: 'fail' }, message: 'action failed' });
});

test('what an action holds is held while it runs, and free afterwards, however it ends', async () => {
  const { model } = fakeNode();
  const ends = { well: () => 1, badly: () => Promise.reject(new VolumeError('precondition', 'no')) };
  for (const end of Object.values(ends)) {
    const run = doing(async (_, id) => {
      expect((await call(socket, 'run', { id })).result).toBe(
        `another call is in progress for volume "${id}"; retry later`,
      );
      return end();
    });
    const { socket } = await servedActions({ run }, model);
    await call(socket, 'run');
    model.holds.hold([exclusive('volume', 'v')]).release();
  }
});

test('an action learns that its client has disconnected, and may still tell', async () => {
  const reasons: unknown[] = [];
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const { socket } = await servedActions({
    wait: doing(async ({ signal, tell }) => {
      tell('started');
      await once(signal, 'abort');
      reasons.push(signal.reason);
      tell('nobody reads this');
      end();
    }),
  });
  const call = request({ socketPath: socket, path: '/actions/wait?input={"id":"v"}', method: 'POST' }).end();
  call.on('error', () => {});
  const [response] = await once(call, 'response');
  await once(response, 'data');
  call.destroy();
  await ended;
  expect(reasons).toEqual([expect.objectContaining({ message: 'the client has disconnected' })]);
});

test('a driver that ends in the middle is named as the reason', async () => {
  const { socket, close } = await servedActions({
    work: doing(async ({ tell, signal }) => {
      tell('started');
      await once(signal, 'abort');
    }),
  });
  await expect(callAction(socket, 'work', { id: 'v' }, { onProgress: close })).rejects.toThrow(
    'the driver ended before the command did; run it again',
  );
});

test('without a driver, its socket is named', async () => {
  expect((await call('/nowhere/s', 'any')).result).toBe(
    'the command needs a running driver, and none answers on /nowhere/s: connect ENOENT /nowhere/s',
  );
});

async function rawReply(socketPath: string, path: string): Promise<string> {
  const [response] = await once(request({ socketPath, path, method: 'POST' }).end(), 'response');
  return (await response.setEncoding('utf8').toArray()).join('');
}
