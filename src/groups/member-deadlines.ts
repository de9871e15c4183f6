/**
 * When members of one consumer group run out of time, and why. Heartbeats only move deadlines away, so whoever watches
 * sets one alarm for the nearest and looks again when it rings. A fixed four numbers a member; knows no clock.
 */
import type { GroupEffect } from './group-outcome.ts';

export type Deadline = 'session' | 'revocation' | 'join' | 'sync';

interface MemberTimes {
  readonly dueMs: { [deadline in Deadline]: number };
  /** Epoch that the member has to leave before its revocation is due. */
  revocationEpoch: number;
}

export interface Overdue {
  readonly memberId: string;
  readonly deadline: Deadline;
  readonly revocationEpoch: number;
}

const NEVER_MS = Number.POSITIVE_INFINITY;
const deadlines: readonly Deadline[] = ['session', 'revocation', 'join', 'sync'];

export class MemberDeadlines {
  private readonly times = new Map<string, MemberTimes>();

  /** Answers when the deadline is that was set; Infinity when none was. */
  take(effect: GroupEffect, nowMs: number): number {
    switch (effect.kind) {
      case 'session':
      case 'sync':
        return this.put(effect.memberId, effect.kind, nowMs + effect.delayMs);
      case 'revocation':
        this.of(effect.memberId).revocationEpoch = effect.epoch;
        return this.put(effect.memberId, 'revocation', nowMs + effect.delayMs);
      case 'join': {
        const { dueMs } = this.of(effect.memberId);
        return dueMs.join === NEVER_MS ? this.put(effect.memberId, 'join', nowMs + effect.delayMs) : NEVER_MS;
      }
      case 'revocation-over':
        return this.put(effect.memberId, 'revocation', NEVER_MS);
      case 'join-over':
        return this.put(effect.memberId, 'join', NEVER_MS);
      case 'sync-over':
        return this.put(effect.memberId, 'sync', NEVER_MS);
      case 'member-gone':
        this.times.delete(effect.memberId);
        return NEVER_MS;
      case 'metadata-fresh':
      case 'resolve':
        return NEVER_MS;
    }
  }

  /** When the nearest one is due; Infinity when there is none. */
  get nextMs(): number {
    let next = NEVER_MS;
    for (const { dueMs } of this.times.values()) {
      for (const deadline of deadlines) next = Math.min(next, dueMs[deadline]);
    }
    return next;
  }

  /** Takes out the deadlines that have passed, at most one a member: whoever missed one is fenced. */
  takeOverdue(nowMs: number): Overdue[] {
    const overdue: Overdue[] = [];
    for (const [memberId, { dueMs, revocationEpoch }] of this.times) {
      const deadline = deadlines.find((candidate) => dueMs[candidate] <= nowMs);
      if (deadline === undefined) continue;
      dueMs[deadline] = NEVER_MS;
      overdue.push({ memberId, deadline, revocationEpoch });
    }
    return overdue;
  }

  private put(memberId: string, deadline: Deadline, dueMs: number): number {
    this.of(memberId).dueMs[deadline] = dueMs;
    return dueMs;
  }

  private of(memberId: string): MemberTimes {
    let times = this.times.get(memberId);
    if (times === undefined) {
      const dueMs = { session: NEVER_MS, revocation: NEVER_MS, join: NEVER_MS, sync: NEVER_MS };
      times = { dueMs, revocationEpoch: -1 };
      this.times.set(memberId, times);
    }
    return times;
  }
}
