/**
 * Until when a coordinator has to keep a member: a session's length after it was last heard of, whatever happened in between,
 * but for what a power cut may take.
 */
import { type GroupOffsets, SESSION_MS } from './group-offsets.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

export class Membership {
  private readonly simulation: Simulation;
  private readonly offsets: GroupOffsets;
  private untilMs = Number.NEGATIVE_INFINITY;
  /** When what makes it a member was told to it, and in which life. */
  private writtenMs = 0;
  private life = 0;

  constructor(simulation: Simulation, offsets: GroupOffsets) {
    this.simulation = simulation;
    this.offsets = offsets;
  }

  /** It was answered as a member when it asked at `askedMs`. `isNew`: something about it was written down before. */
  isKept(askedMs: number, isNew: boolean): void {
    this.untilMs = Math.max(this.untilMs, askedMs + SESSION_MS);
    if (!isNew) return;
    this.writtenMs = this.simulation.trueMs;
    this.life = this.simulation.history.life;
  }

  /** Its session cannot have ended by then. */
  isSureAt(askedMs: number): boolean {
    return askedMs < this.untilMs;
  }

  /** It goes, or asks for something that may have it put out. */
  ends(): void {
    this.untilMs = Number.NEGATIVE_INFINITY;
  }

  /** It is told that it is no member. */
  isPutOut(memberId: string): void {
    const leftMs = this.untilMs - this.simulation.trueMs;
    const isDue = leftMs <= 0 || this.offsets.mayBeLost(this.writtenMs, this.life);
    demand(
      isDue,
      () => `${this.offsets.group}: ${memberId} is put out ${Math.round(leftMs)} ms before its session ends`,
    );
    this.ends();
    this.simulation.book.count('members put out');
  }
}
