/** Tracks the uses of a resource, so that the caller can wait until there are none. */
export class Uses<Use> {
  private readonly all = new Set<Use>();
  private readonly idleListeners: (() => void)[] = [];

  add(use: Use): void {
    this.all.add(use);
  }

  delete(use: Use): void {
    this.all.delete(use);
    if (this.all.size === 0) for (const listener of this.idleListeners.splice(0)) listener();
  }

  get count(): number {
    return this.all.size;
  }

  [Symbol.iterator](): IterableIterator<Use> {
    return this.all.values();
  }

  /** Resolves when there is no use left. */
  idle(): Promise<void> {
    if (this.all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idleListeners.push(resolve));
  }
}
