import type { ZodType } from 'zod';
import type { Parts } from '../model/parts.ts';
import type { Held, HoldRequest } from '../model/state/holds.ts';

/** The path of an action is this and its name; its input is JSON in the parameter `input` of the query. */
export const actionPath = '/actions/';

/** What an action needs of the driver besides its input. */
export interface ActionContext {
  /** The model, whose pools the action uses through its own task. */
  readonly model: Parts;
  readonly held: Held;
  /** Aborted when the client has gone, or a pool in use has disappeared. */
  readonly signal: AbortSignal;
  /** Shows a line of text to the user while the action runs. */
  readonly tell: (text: string) => void;
  /** What reports say was found out before the action changed something. */
  readonly renewReports: () => void;
  /** What the client sends with its request. */
  readonly body: AsyncIterable<Buffer>;
  /** Sends bytes to the client; resolves when it has room for more. */
  readonly send: (bytes: Buffer) => Promise<void>;
}

/** Something that a user asks a running driver to do, beside the RPCs. It may be repeated, and never leaves work half-done. */
export interface Action<Input, Result> {
  readonly input: ZodType<Input>;
  /** What it holds while it runs; it fails if a call or another action holds any of it. */
  holds?(input: Input): HoldRequest[];
  /** @throws VolumeError with a sentence for the user */
  run(input: Input, context: ActionContext): Promise<Result>;
}

// biome-ignore lint/suspicious/noExplicitAny: actions of all inputs are in one table, which parses the input of each.
export type AnyAction = Action<any, unknown>;

/** A line of the reply to an action: progress, bytes, or how it ended. */
export type ActionLine =
  | { readonly progress: string }
  /** This many bytes follow the line. */
  | { readonly bytes: number }
  | { readonly result: unknown }
  | { readonly error: string };
