import * as z from 'zod';
import type { MovedObject } from '../../model/moving/moved-object.ts';
import type { IncomingStream, Received } from '../../model/moving/receive.ts';
import { receiveSnapshot } from '../../model/moving/receive-snapshot.ts';
import { receiveVolume } from '../../model/moving/receive-volume.ts';
import type { CopyControl } from '../../model/ports/ports.ts';
import { exclusive } from '../../model/state/holds.ts';
import type { Action, ActionContext } from '../action.ts';
import { ArrivingStream } from './arriving-stream.ts';
import { Progress } from './progress.ts';

const input = z.object({
  pool: z.string().min(1).optional(),
  name: z.string().min(1).max(128).optional(),
  as: z.enum(['volume', 'snapshot']).optional(),
});

/** What was made of a stream. */
export interface ReceiveResult extends Received {
  readonly kind: MovedObject['kind'];
}

/** Makes a volume or snapshot of a stream. */
export const receive: Action<z.output<typeof input>, ReceiveResult> = {
  input,
  async run({ pool, name, as }, context) {
    const stream = await ArrivingStream.open(context.body, context.signal);
    const { object } = stream;
    const kind = as ?? object.kind;
    const spec = { name: name ?? object.name, pool };
    const told = withProgress(stream, `${kind} ${spec.name}: received`, context);
    const nameKind = `${kind} name` as const;
    // Its name is only known now.
    const held = context.model.holds.hold([exclusive(nameKind, spec.name)]);
    try {
      const received =
        kind === 'volume'
          ? await receiveVolume(context.model, held.exclusive('volume name', spec.name), told, spec)
          : await receiveSnapshot(context.model, held.exclusive('snapshot name', spec.name), told, spec);
      return { kind, ...received };
    } finally {
      held.release();
    }
  },
};

function withProgress(stream: IncomingStream, subject: string, { tell }: ActionContext): IncomingStream {
  const progress = new Progress(subject, stream.object.contentBytes, tell);
  const write = async (path: string, control: CopyControl) => {
    const onBytes = (bytes: bigint) => {
      control.onBytes(bytes);
      progress.add(Number(bytes));
    };
    await stream.write(path, { ...control, onBytes });
    progress.end();
  };
  return { ...stream, write };
}
