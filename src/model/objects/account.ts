/** Sizes reserved for volumes, up to a limit if there is one. All values are bytes. */
export class Account {
  /** The most that may be reserved; undefined if only the disk limits it. May change, even to less than is reserved. */
  limitBytes: bigint | undefined;
  private reserved = 0n;

  constructor(limitBytes: bigint | undefined) {
    this.limitBytes = limitBytes;
  }

  get reservedBytes(): bigint {
    return this.reserved;
  }

  /** What may still be reserved, never negative; undefined without a limit. */
  get availableBytes(): bigint | undefined {
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
