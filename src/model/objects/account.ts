/** Sizes promised to volumes, held to a limit where there is one. Everything is bytes. */
export class Account {
  /** What may be promised; undefined where nothing but the disk sets a limit. */
  readonly limitBytes: bigint | undefined;
  private promised = 0n;

  constructor(limitBytes: bigint | undefined) {
    this.limitBytes = limitBytes;
  }

  get promisedBytes(): bigint {
    return this.promised;
  }

  /** What may still be promised, never negative; undefined without a limit. */
  get roomBytes(): bigint | undefined {
    if (this.limitBytes === undefined) return undefined;
    return this.limitBytes > this.promised ? this.limitBytes - this.promised : 0n;
  }

  promise(bytes: bigint): void {
    this.promised += bytes;
  }

  release(bytes: bigint): void {
    this.promised -= bytes;
  }
}
