/** So many pieces of work at one time; the others wait, and begin in the order in which they came. */
export class Turns {
  private readonly most: number;
  private readonly waiting: (() => void)[] = [];
  private working = 0;

  constructor(most: number) {
    this.most = most;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.working >= this.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.working += 1;
    try {
      return await work();
    } finally {
      // The place goes to the next in line, or comes free.
      const next = this.waiting.shift();
      if (next === undefined) this.working -= 1;
      else next();
    }
  }
}
