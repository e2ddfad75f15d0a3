import { callSync, libraryCall } from '../calls/libc.ts';

const prctlCall = libraryCall('prctl', ['int', 'long', 'long', 'long', 'long']);

const PR_SET_DUMPABLE = 4;

let areForbidden = false;

/** Keeps the memory of this process out of core files from now on, and from processes without the right to trace any. */
export function forbidCoreDumps(): void {
  if (areForbidden) return;
  callSync(prctlCall, 'this process', PR_SET_DUMPABLE, 0, 0, 0, 0);
  areForbidden = true;
}
