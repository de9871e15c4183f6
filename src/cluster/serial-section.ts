/** Runs asynchronous steps one behind the other: the next begins when the one before has ended, however it ended. */
export class SerialSection {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  /** Steps that wait or run. */
  get depth(): number {
    return this.waiting;
  }

  run<T>(step: () => Promise<T>): Promise<T> {
    this.waiting++;
    const result = this.last.then(step, step).finally(() => {
      this.waiting--;
    });
    this.last = result.catch(() => undefined);
    return result;
  }
}
