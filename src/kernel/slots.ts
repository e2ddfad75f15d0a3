/** Lets a limited number of things happen at the same time. Whoever takes a slot gives it back. */
export class Slots {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(count: number) {
    this.free = count;
  }

  /** Takes a slot if one is free. */
  tryTake(): boolean {
    if (this.free === 0) return false;
    this.free--;
    return true;
  }

  /** Takes a slot as soon as one is free. */
  async take(): Promise<void> {
    if (!this.tryTake()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Gives a slot back, to the one who has waited longest. */
  give(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free++;
    else next();
  }
}
