import { type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'vitest';

/** How a call was refused. */
export interface Refusal {
  readonly code: keyof typeof status;
  readonly details: string;
}

/** The refusal of a call; a reply is an error here. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const outcome = await outcomeOf(call);
  if (outcome === 'OK') throw new Error('the call was answered, and should have been refused');
  return outcome;
}

/** OK, or how the call was refused. */
export async function outcomeOf(call: Promise<unknown>): Promise<'OK' | Refusal> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    const { code, details } = error as ServiceError;
    if (!(code in status)) throw error;
    return { code: status[code] as keyof typeof status, details };
  }
}

/** Expects a call to be refused with this code, and a message that contains this text. */
export async function expectRefusal(
  call: Promise<unknown>,
  code: keyof typeof status,
  text = '',
): Promise<void> {
  expect(await refusalOf(call)).toEqual({ code, details: expect.stringContaining(text) });
}
