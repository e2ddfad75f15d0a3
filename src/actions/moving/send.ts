import * as z from 'zod';
import { findSendable, type Sendable } from '../../model/moving/find-sendable.ts';
import { shared } from '../../model/state/holds.ts';
import type { Action, ActionContext } from '../action.ts';
import { contentFrames } from './content-frames.ts';
import { FrameWriter, frameTypes } from './frames.ts';
import { encodeHeader } from './header.ts';
import { Progress } from './progress.ts';

const input = z.object({ id: z.string().min(1), since: z.string().min(1).optional() });

/** Sends a volume or snapshot as a stream, or what changed in it since a snapshot. */
export const send: Action<z.output<typeof input>, null> = {
  input,
  holds: ({ id, since }) => [
    shared('volume', id),
    ...[...new Set([id, ...(since === undefined ? [] : [since])])].map((each) => shared('snapshot', each)),
  ],
  async run({ id, since }, context) {
    const { model, held, signal } = context;
    const request = {
      volume: held.shared('volume', id),
      snapshot: held.shared('snapshot', id),
      since: since === undefined ? undefined : held.shared('snapshot', since),
    };
    const sendable = await findSendable(model, request, signal);
    await sendStream(sendable, context);
    return null;
  },
};

async function sendStream(sendable: Sendable, context: ActionContext): Promise<void> {
  const { object } = sendable;
  const progress = new Progress(`${object.kind} ${object.name}: sent`, object.contentBytes, context.tell);
  const frames = new FrameWriter(context.send);
  await frames.write(frameTypes.header, encodeHeader(object));
  for await (const { type, payload, bytes } of contentFrames(context.model, sendable, context.signal)) {
    await frames.write(type, ...payload);
    progress.add(bytes);
  }
  await frames.write(frameTypes.end);
  progress.end();
}
