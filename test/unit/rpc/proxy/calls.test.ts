import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Metadata, type ServerDuplexStream, status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { deferred } from '../../model/fakes/gate.ts';
import { EchoClient, type EchoHandlers, type Exchange, exchangeOf, serveEcho } from './echo-service.ts';
import { newSocket, startProxy } from './proxied.ts';
import { connectRaw, endOf, openRaw } from './raw-http2.ts';

const text = (...words: string[]) => words.map((word) => Buffer.from(word));
const megabytes = (count: number) => randomBytes(count * 1024 ** 2);

/** Servers in the middle of a call respond to it here; each returns its request. */
const echo: EchoHandlers = {
  Unary: (call, answer) => answer(null, call.request),
  Collect(call, answer) {
    const received: Buffer[] = [];
    call.on('data', (request: Buffer) => received.push(request));
    call.on('end', () => answer(null, Buffer.concat(received)));
  },
  Repeat(call) {
    for (let count = 0; count < 3; count++) call.write(call.request);
    call.end();
  },
  Chat(call) {
    call.on('data', (request: Buffer) => call.write(request));
    call.on('end', () => call.end());
  },
};

/** A server, a client that calls it through a proxy, and one that calls it directly. */
async function proxied(handlers = echo) {
  const target = newSocket();
  const server = await serveEcho(target, handlers);
  const proxy = await startProxy(target);
  return { server, proxy, client: new EchoClient(proxy.endpoint), direct: new EchoClient(target) };
}

/** Everything about a call that both sides must see the same, with or without a proxy. */
function comparable({ replies, headers, status: { code, details, metadata } }: Exchange) {
  const shown = [headers, metadata].map((each) => ({ ...each?.getMap(), date: undefined }));
  return { replies, code, details, metadata: shown };
}

describe('through the proxy', () => {
  test.each([
    ['Unary', text('one'), text('one')],
    ['Collect', text('one', 'two', 'three'), text('onetwothree')],
    ['Collect', [], text('')],
    ['Repeat', text('one'), text('one', 'one', 'one')],
    ['Chat', text('one', 'two'), text('one', 'two')],
    ['Chat', [], []],
  ])('%s is answered as without it', async (name, requests, replies) => {
    const { client, direct, proxy } = await proxied();
    const exchange = await client.exchange(name, requests);
    expect(exchange).toMatchObject({ replies, status: { code: status.OK } });
    expect(comparable(exchange)).toEqual(comparable(await direct.exchange(name, requests)));
    expect(proxy.finished).toEqual([
      {
        path: `/proxy.test.Echo/${name}`,
        code: status.OK,
        durationMs: expect.any(Number),
        reason: undefined,
      },
    ]);
  });

  test("both sides of a stream receive each other's messages while it is open", async () => {
    const { client } = await proxied();
    const call = client.open('Chat');
    for (const word of text('one', 'two', 'three')) {
      call.write(word);
      expect(await once(call, 'data')).toEqual([word]);
    }
    call.end();
    expect((await exchangeOf(call)).status.code).toBe(status.OK);
  });

  test('metadata are passed in both directions, binary and repeated ones too', async () => {
    const received: unknown[] = [];
    const { client, direct } = await proxied({
      Unary(call, answer) {
        received.push({ ...call.metadata.getMap(), 'user-agent': undefined });
        const headers = new Metadata();
        headers.add('twice', 'first');
        headers.add('twice', 'second, with a comma');
        headers.add('some-bin', Buffer.from([0, 255]));
        call.sendMetadata(headers);
        const trailers = new Metadata();
        trailers.add('last', 'word');
        trailers.add('last', 'and another');
        answer(null, call.request, trailers);
      },
    });
    const sent = new Metadata();
    sent.add('twice', 'first');
    sent.add('twice', 'second, with a comma');
    sent.add('some-bin', Buffer.from([0, 255]));
    sent.add('authorization', 'secret');
    const exchanges = [
      await client.exchange('Unary', text(''), sent),
      await direct.exchange('Unary', text(''), sent),
    ];
    expect(received[0]).toMatchObject({ authorization: 'secret', 'some-bin': Buffer.from([0, 255]) });
    expect(received[0]).toEqual(received[1]);
    const [through, without] = exchanges.map(comparable);
    expect(through).toEqual(without);
    expect(through?.metadata).toMatchObject([
      { 'some-bin': Buffer.from([0, 255]) },
      { last: expect.any(String) },
    ]);
  });

  test.each([
    ['without an answer', false],
    ['after an answer has begun', true],
  ])('a refusal %s keeps its message and its details, byte for byte', async (_, begins) => {
    const details = randomBytes(300);
    const { client, direct, proxy } = await proxied({
      Repeat(call) {
        if (begins) call.write(call.request);
        const metadata = new Metadata();
        metadata.set('grpc-status-details-bin', details);
        const refusal = { code: status.ALREADY_EXISTS, details: 'ein Übel: 100 %\n…', metadata };
        call.emit('error', refusal);
      },
    });
    const exchange = await client.exchange('Repeat', text('x'));
    expect(exchange).toMatchObject({
      replies: begins ? text('x') : [],
      status: { code: status.ALREADY_EXISTS, details: 'ein Übel: 100 %\n…' },
    });
    expect(exchange.status.metadata.get('grpc-status-details-bin')).toEqual([details]);
    expect(comparable(exchange)).toEqual(comparable(await direct.exchange('Repeat', text('x'))));
    expect(proxy.finished).toMatchObject([{ code: status.ALREADY_EXISTS, reason: undefined }]);
  });

  test('an unknown method is refused by the server', async () => {
    const { client, direct } = await proxied();
    const exchange = await client.exchange('/no.Such/Method', text('x'));
    expect(exchange.status.code).toBe(status.UNIMPLEMENTED);
    expect(comparable(exchange)).toEqual(comparable(await direct.exchange('/no.Such/Method', text('x'))));
  });

  test('messages of megabytes are passed in both directions, larger than any window', async () => {
    const { client } = await proxied();
    const large = megabytes(3);
    const { replies, status: end } = await client.exchange('Chat', [large, large]);
    expect(end.code).toBe(status.OK);
    expect(replies.map((reply) => reply.equals(large))).toEqual([true, true]);
  });

  test('fifty concurrent calls each get their own reply', async () => {
    const { client } = await proxied();
    const messages = Array.from({ length: 50 }, (_, index) => Buffer.alloc(200_000, index));
    const exchanges = await Promise.all(messages.map((message) => client.exchange('Unary', [message])));
    expect(
      exchanges.map(({ replies: [reply], status: { code } }, index) => [
        code,
        reply?.equals(messages[index] ?? reply),
      ]),
    ).toEqual(messages.map(() => [status.OK, true]));
  });

  test('more calls than the server accepts at once wait for their turn', async () => {
    const target = newSocket();
    const gate = deferred();
    let active = 0;
    const Unary: EchoHandlers['Unary'] = async (call, answer) => {
      active++;
      expect(active).toBeLessThanOrEqual(2);
      await gate.promise;
      active--;
      answer(null, call.request);
    };
    await serveEcho(target, { Unary }, { 'grpc.max_concurrent_streams': 2 });
    const client = new EchoClient((await startProxy(target)).endpoint);
    const calls = ['a', 'b', 'c', 'd', 'e'].map((word) => client.exchange('Unary', text(word)));
    gate.resolve();
    const exchanges = await Promise.all(calls);
    expect(exchanges.map(({ status: { code } }) => code)).toEqual(exchanges.map(() => status.OK));
  });
});

describe('a caller that does not read', () => {
  test('makes the server wait, and gets everything when it reads', async () => {
    const chunk = randomBytes(64 * 1024);
    const count = 512;
    const begun = deferred();
    let writtenCount = 0;
    const { proxy } = await proxied({
      async Repeat(call) {
        begun.resolve();
        for (; writtenCount < count; writtenCount++) {
          if (!call.write(chunk)) await once(call, 'drain');
        }
        call.end();
      },
    });
    // A client of grpc-js keeps reading even if the received data is not consumed.
    const call = openRaw(connectRaw(proxy.endpoint), { ':path': '/proxy.test.Echo/Repeat' });
    call.end(Buffer.alloc(5));
    await begun.promise;
    await standsStill(() => writtenCount);
    expect(writtenCount).toBeLessThan(count / 4);
    const { data, trailers } = await endOf(call);
    expect(trailers).toMatchObject({ 'grpc-status': '0' });
    expect(data.length).toBe(count * (5 + chunk.length));
    expect(data.subarray(-chunk.length).equals(chunk)).toBe(true);
  });

  test('does not block the other calls of the same connection', async () => {
    const { client } = await proxied({ ...echo, Repeat: (call) => void call.write(megabytes(3)) });
    for (let count = 0; count < 20; count++) client.open('Repeat').end(Buffer.from('x'));
    expect((await client.exchange('Unary', text('x'))).replies).toEqual(text('x'));
  });
});

describe('a server that does not read', () => {
  test('makes the caller wait', async () => {
    const call = deferred<ServerDuplexStream<Buffer, Buffer>>();
    const { client } = await proxied({ Chat: call.resolve });
    const sending = client.open('Chat');
    const chunk = randomBytes(64 * 1024);
    const count = 512;
    let sentCount = 0;
    const send = () => {
      while (sentCount < count) {
        sentCount++;
        if (!sending.write(chunk)) return;
      }
      sending.end();
    };
    sending.on('drain', send);
    send();
    const receiving = await call.promise;
    await standsStill(() => sentCount);
    expect(sentCount).toBeLessThan(count / 4);
    let receivedCount = 0;
    receiving.on('data', () => receivedCount++);
    await once(receiving, 'end');
    expect(receivedCount).toBe(count);
  });
});

/** Waits until a number is stable for many turns of the event loop, in which everything of a test runs. */
async function standsStill(figure: () => number): Promise<void> {
  let last = figure();
  for (let turns = 0; turns < 2000; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (figure() !== last) turns = 0;
    last = figure();
  }
}
