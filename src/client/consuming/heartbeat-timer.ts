/**
 * Calls something again and again, each time a while after the last call has ended. It keeps no process alive by itself,
 * and when it was stopped a call that is under way is the last. Used by both kinds of group members.
 */
export class HeartbeatTimer {
  readonly #beat: () => Promise<void>;
  #intervalMs: number;
  #timer: NodeJS.Timeout | null = null;
  #isRunning = false;
  #isBeating = false;
  #isHurried = false;

  constructor(intervalMs: number, beat: () => Promise<void>) {
    this.#intervalMs = intervalMs;
    this.#beat = beat;
  }

  set intervalMs(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#arm(this.#intervalMs);
  }

  stop(): void {
    this.#isRunning = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Beats now, or as soon as the beat under way has ended. */
  hurry(): void {
    if (!this.#isRunning) return;
    this.#isHurried = this.#isBeating;
    if (!this.#isBeating) this.#arm(0);
  }

  #arm(ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // `beat` settles its own failures.
      void this.#once();
    }, ms);
    this.#timer.unref();
  }

  async #once(): Promise<void> {
    this.#isBeating = true;
    try {
      await this.#beat();
    } finally {
      this.#isBeating = false;
      if (this.#isRunning && this.#timer === null) this.#arm(this.#isHurried ? 0 : this.#intervalMs);
      this.#isHurried = false;
    }
  }
}
