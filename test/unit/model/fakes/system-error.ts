import { constants } from 'node:os';

/** An error as system calls return it, unrelated to a request. */
export function systemError(code: keyof typeof constants.errno): Error {
  return Object.assign(new Error(code), { code, errno: -constants.errno[code] });
}
