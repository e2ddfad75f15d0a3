import * as z from 'zod';
import { VolumeError } from '../../model/errors.ts';
import { findSendable, type Sendable } from '../../model/moving/find-sendable.ts';
import { directoryFormats } from '../../model/moving/moved-object.ts';
import { shared } from '../../model/state/holds.ts';
import type { Action, ActionContext } from '../action.ts';
import { contentFrames } from './content-frames.ts';
import { FrameWriter, frameTypes } from './frames.ts';
import { encodeHeader } from './header.ts';
import { Progress } from './progress.ts';

const input = z.object({
  id: z.string().min(1),
  since: z.string().min(1).optional(),
  format: z.enum(directoryFormats).optional(),
  /** How many bytes of the stream the client has already. */
  from: z.int().min(0).optional(),
});

/** Sends a volume or snapshot as a stream, or what changed in it since a snapshot. */
export const send: Action<z.output<typeof input>, null> = {
  input,
  holds: ({ id, since }) => [
    shared('volume', id),
    ...[...new Set([id, ...(since === undefined ? [] : [since])])].map((each) => shared('snapshot', each)),
  ],
  async run({ id, since, format = 'tar', from = 0 }, context) {
    const { model, held, signal } = context;
    const request = {
      volume: held.shared('volume', id),
      snapshot: held.shared('snapshot', id),
      since: since === undefined ? undefined : held.shared('snapshot', since),
      format,
    };
    const sendable = await findSendable(model, request, signal);
    const rest = new RestOfStream(from, context.send);
    await sendStream(sendable, { ...context, send: rest.send });
    rest.checkReached();
    return null;
  },
};

/** Sends a stream but for its beginning. The same content always gives the same stream, so that it fits. */
class RestOfStream {
  private readonly from: number;
  private readonly sendRest: ActionContext['send'];
  private position = 0;

  constructor(from: number, send: ActionContext['send']) {
    this.from = from;
    this.sendRest = send;
  }

  readonly send = async (bytes: Buffer): Promise<void> => {
    const rest = bytes.subarray(Math.max(0, this.from - this.position));
    this.position += bytes.length;
    if (rest.length > 0) await this.sendRest(rest);
  };

  /** @throws VolumeError invalid: the stream has fewer bytes */
  checkReached(): void {
    if (this.position >= this.from) return;
    throw new VolumeError(
      'invalid',
      `--from: ${this.from} is more than the ${this.position} bytes of the stream`,
    );
  }
}

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
