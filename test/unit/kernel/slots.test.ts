import { expect, test } from 'vitest';
import { Slots } from '../../../src/kernel/calls/slots.ts';
import { settled } from '../model/fakes/gate.ts';

test('a slot that is given back goes to the one who has waited longest', async () => {
  const slots = new Slots(1);
  await slots.take();
  const order: string[] = [];
  const one = slots.take().then(() => order.push('one'));
  const other = slots.take(new AbortController().signal).then(() => order.push('other'));
  await settled();
  expect(order).toEqual([]);
  slots.give();
  await one;
  expect(order).toEqual(['one']);
  slots.give();
  await other;
  slots.give();
  expect(slots.tryTake()).toBe(true);
  expect(slots.tryTake()).toBe(false);
});

test('whoever stops waiting fails with the reason, and takes no slot from the others', async () => {
  const slots = new Slots(1);
  await slots.take();
  const stopping = new AbortController();
  const reason = new Error('gone');
  const stopped = expect(slots.take(stopping.signal)).rejects.toBe(reason);
  const waiting = slots.take();
  stopping.abort(reason);
  await stopped;
  slots.give();
  await waiting;
  slots.give();
  await expect(slots.take(stopping.signal)).rejects.toBe(reason);
  expect(slots.tryTake()).toBe(true);
});

test('a signal that is aborted when the slot was taken long ago does nothing', async () => {
  const slots = new Slots(1);
  await slots.take();
  const stopping = new AbortController();
  const waiting = slots.take(stopping.signal);
  slots.give();
  await waiting;
  stopping.abort(new Error('too late'));
  expect(slots.tryTake()).toBe(false);
  slots.give();
  expect(slots.tryTake()).toBe(true);
});
