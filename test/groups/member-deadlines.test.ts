import { describe, expect, test } from 'vitest';
import { MemberDeadlines } from '../../src/groups/member-deadlines.ts';

describe('deadlines of members', () => {
  test('a session starts anew with every sign of life', () => {
    const deadlines = new MemberDeadlines();
    expect(deadlines.take({ kind: 'session', memberId: 'one', delayMs: 100 }, 0)).toBe(100);
    expect(deadlines.take({ kind: 'session', memberId: 'one', delayMs: 100 }, 60)).toBe(160);
    expect(deadlines.takeOverdue(159)).toEqual([]);
    expect(deadlines.takeOverdue(160)).toMatchObject([{ memberId: 'one', deadline: 'session' }]);
    expect(deadlines.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  test('the time to join again goes on when it is told once more', () => {
    const deadlines = new MemberDeadlines();
    deadlines.take({ kind: 'join', memberId: 'one', delayMs: 100 }, 0);
    expect(deadlines.take({ kind: 'join', memberId: 'one', delayMs: 100 }, 50)).toBe(Number.POSITIVE_INFINITY);
    expect(deadlines.nextMs).toBe(100);
    deadlines.take({ kind: 'join-over', memberId: 'one' }, 60);
    expect(deadlines.nextMs).toBe(Number.POSITIVE_INFINITY);
    deadlines.take({ kind: 'join', memberId: 'one', delayMs: 100 }, 70);
    expect(deadlines.nextMs).toBe(170);
  });

  test('a revocation knows for which epoch it is', () => {
    const deadlines = new MemberDeadlines();
    deadlines.take({ kind: 'revocation', memberId: 'one', epoch: 7, delayMs: 10 }, 0);
    deadlines.take({ kind: 'session', memberId: 'one', delayMs: 100 }, 0);
    expect(deadlines.takeOverdue(10)).toEqual([{ memberId: 'one', deadline: 'revocation', revocationEpoch: 7 }]);
    expect(deadlines.nextMs).toBe(100);
    deadlines.take({ kind: 'revocation', memberId: 'one', epoch: 8, delayMs: 10 }, 20);
    deadlines.take({ kind: 'revocation-over', memberId: 'one' }, 25);
    expect(deadlines.nextMs).toBe(100);
  });

  test('a member misses one deadline at a time, and none when it is gone', () => {
    const deadlines = new MemberDeadlines();
    for (const memberId of ['one', 'two']) {
      deadlines.take({ kind: 'session', memberId, delayMs: 10 }, 0);
      deadlines.take({ kind: 'sync', memberId, delayMs: 10 }, 0);
    }
    deadlines.take({ kind: 'member-gone', memberId: 'two' }, 5);
    expect(deadlines.takeOverdue(10).map(({ memberId }) => memberId)).toEqual(['one']);
    deadlines.take({ kind: 'sync-over', memberId: 'one' }, 10);
    expect(deadlines.nextMs).toBe(Number.POSITIVE_INFINITY);
  });
});
