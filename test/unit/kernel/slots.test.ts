import { expect, test } from 'vitest';
import { Slots } from '../../../src/kernel/calls/slots.ts';
import { settled } from '../model/fakes/gate.ts';

test('a released slot goes to the task that has waited longest', async () => {
  const slots = new Slots(1);
  await slots.acquire();
  const order: string[] = [];
  const one = slots.acquire().then(() => order.push('one'));
  const other = slots.acquire(new AbortController().signal).then(() => order.push('other'));
  await settled();
  expect(order).toEqual([]);
  slots.release();
  await one;
  expect(order).toEqual(['one']);
  slots.release();
  await other;
  slots.release();
  expect(slots.tryAcquire()).toBe(true);
  expect(slots.tryAcquire()).toBe(false);
});

test('an aborted task fails with the reason, and takes no slot from the others', async () => {
  const slots = new Slots(1);
  await slots.acquire();
  const stopping = new AbortController();
  const reason = new Error('gone');
  const stopped = expect(slots.acquire(stopping.signal)).rejects.toBe(reason);
  const waiting = slots.acquire();
  stopping.abort(reason);
  await stopped;
  slots.release();
  await waiting;
  slots.release();
  await expect(slots.acquire(stopping.signal)).rejects.toBe(reason);
  expect(slots.tryAcquire()).toBe(true);
});

test('an abort after the slot was taken does nothing', async () => {
  const slots = new Slots(1);
  await slots.acquire();
  const stopping = new AbortController();
  const waiting = slots.acquire(stopping.signal);
  slots.release();
  await waiting;
  stopping.abort(new Error('too late'));
  expect(slots.tryAcquire()).toBe(false);
  slots.release();
  expect(slots.tryAcquire()).toBe(true);
});
