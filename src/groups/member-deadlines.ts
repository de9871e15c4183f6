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

  take(effect: GroupEffect, nowMs: number): void {
    switch (effect.kind) {
      case 'session':
      case 'sync':
        this.of(effect.memberId).dueMs[effect.kind] = nowMs + effect.delayMs;
        return;
      case 'revocation': {
        const times = this.of(effect.memberId);
        times.dueMs.revocation = nowMs + effect.delayMs;
        times.revocationEpoch = effect.epoch;
        return;
      }
      case 'join': {
        const { dueMs } = this.of(effect.memberId);
        if (dueMs.join === NEVER_MS) dueMs.join = nowMs + effect.delayMs;
        return;
      }
      case 'revocation-over':
        this.of(effect.memberId).dueMs.revocation = NEVER_MS;
        return;
      case 'join-over':
        this.of(effect.memberId).dueMs.join = NEVER_MS;
        return;
      case 'sync-over':
        this.of(effect.memberId).dueMs.sync = NEVER_MS;
        return;
      case 'member-gone':
        this.times.delete(effect.memberId);
        return;
      case 'metadata-fresh':
      case 'resolve':
        return;
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
