/**
 * Lets calls that ask for the same thing share one piece of work. What takes longer than a caller waits goes on without
 * it, and the caller's next try finds it here.
 */
export class JointCalls {
  private readonly work: (request: unknown) => Promise<unknown>;
  private readonly running = new Map<string, Promise<unknown>>();

  constructor(work: (request: unknown) => Promise<unknown>) {
    this.work = work;
  }

  /** Begins the work, or waits for that of a request that is equal in every field. */
  run(request: unknown): Promise<unknown> {
    const key = JSON.stringify(request, sortedFields);
    const joined = this.running.get(key);
    if (joined !== undefined) return joined;
    const started = this.work(request).finally(() => this.running.delete(key));
    this.running.set(key, started);
    return started;
  }
}

/** Maps are sent in any order, even by one caller. */
function sortedFields(_field: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
