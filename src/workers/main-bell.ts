/**
 * Main's side of its bell: several roles (fronts, partition workers) put things into rings that main reads, and wake it
 * with a message when it has announced its sleep. Whoever woke it, main looks at all of those rings, announces its sleep
 * again, and looks once more, so that nothing that came in between is left lying.
 */
import type { Bell } from '../zerocopy/bell.ts';
import { BELL_ASLEEP_LOOP } from '../zerocopy/layout.ts';

export class MainBell {
  private readonly bell: Bell;
  private readonly drains: (() => void)[];

  constructor(bell: Bell, drains: readonly (() => void)[]) {
    this.bell = bell;
    this.drains = [...drains];
  }

  /** `drain` is called with every wake-up from now on. */
  add(drain: () => void): void {
    this.drains.push(drain);
  }

  /** A role rang, or main itself wants a look. */
  answer(): void {
    this.bell.cancelSleep();
    for (const drain of this.drains) drain();
    this.bell.prepareSleep(BELL_ASLEEP_LOOP);
    for (const drain of this.drains) drain();
  }
}
