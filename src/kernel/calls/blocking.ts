let isBlocking = false;

/** Makes calls of this thread that may wait block it, instead of going to a thread of libuv: for threads that do one task at a time. */
export function blockInCalls(): void {
  isBlocking = true;
}

export function areCallsBlocking(): boolean {
  return isBlocking;
}
