/**
 * Lets identical concurrent calls share one task. A task that takes longer than its caller waits continues, and the
 * caller's next attempt joins it here.
 */
export class SingleFlightCalls<Work extends { readonly reply: Promise<unknown> }> {
  private readonly start: (request: unknown) => Work;
  private readonly running = new Map<string, Work>();

  constructor(start: (request: unknown) => Work) {
    this.start = start;
  }

  /** Starts a task, or joins the one of a request that is equal in every field. */
  join(request: unknown): Work {
    const key = JSON.stringify(request, sortedFields);
    const joined = this.running.get(key);
    if (joined !== undefined) return joined;
    const started = this.start(request);
    this.running.set(key, started);
    const forget = () => this.running.delete(key);
    started.reply.then(forget, forget);
    return started;
  }
}

/** Map entries have no fixed order on the wire, even from the same caller. */
function sortedFields(_field: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
