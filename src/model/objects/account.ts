/** Sizes reserved for volumes, held to a limit where there is one. Everything is bytes. */
export class Account {
  /** What may be reserved; undefined where nothing but the disk sets a limit. */
  readonly limitBytes: bigint | undefined;
  private reserved = 0n;

  constructor(limitBytes: bigint | undefined) {
    this.limitBytes = limitBytes;
  }

  get reservedBytes(): bigint {
    return this.reserved;
  }

  /** What may still be reserved, never negative; undefined without a limit. */
  get roomBytes(): bigint | undefined {
    if (this.limitBytes === undefined) return undefined;
    return this.limitBytes > this.reserved ? this.limitBytes - this.reserved : 0n;
  }

  reserve(bytes: bigint): void {
    this.reserved += bytes;
  }

  release(bytes: bigint): void {
    this.reserved -= bytes;
  }
}
