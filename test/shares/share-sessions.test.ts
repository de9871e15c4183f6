/** Share sessions: epochs, what they hold, and how they end. */
import { describe, expect, it } from 'vitest';
import { type SessionRequest, ShareSessions } from '../../src/shares/share-sessions.ts';

const place = (partition: number) => ({ topicId: 't', partition });

function stage(sessionsMax = 10) {
  const ended: string[] = [];
  const sessions = new ShareSessions(
    () => sessionsMax,
    ({ memberId }) => ended.push(memberId),
  );
  const resume = (memberId: string, epoch: number, more: Partial<SessionRequest> = {}) =>
    sessions.resume({ groupId: 'g', memberId, epoch, connection: 1, added: [], forgotten: [], ...more });
  return { sessions, ended, resume };
}

describe('share sessions', () => {
  it('remember partitions, in the order in which they came', () => {
    const { resume } = stage();
    resume('a', 0, { added: [place(0), place(1)] });
    const later = resume('a', 1, { added: [place(2), place(0)], forgotten: [place(1)] });
    if (later.kind !== 'open') throw new Error(later.kind);
    expect([...later.session.partitions.values()]).toEqual([place(0), place(2)]);
  });

  it('count their requests, and begin anew at 1 after the largest number', () => {
    const { resume } = stage();
    const opened = resume('a', 0);
    if (opened.kind !== 'open') throw new Error(opened.kind);
    expect(resume('a', 2)).toEqual({ kind: 'refused', problem: 'bad-epoch' });
    expect(resume('a', 1).kind).toBe('open');
    expect(resume('a', 1)).toEqual({ kind: 'refused', problem: 'bad-epoch' });
    opened.session.nextEpoch = 2 ** 31 - 1;
    expect(resume('a', 2 ** 31 - 1).kind).toBe('open');
    expect(resume('a', 1).kind).toBe('open');
    expect(resume('b', 1)).toEqual({ kind: 'refused', problem: 'not-found' });
  });

  it('end with their last request, with a new one of the same member, and with their connection', () => {
    const { sessions, ended, resume } = stage();
    resume('a', 0);
    resume('a', 0);
    expect(ended).toEqual(['a']);
    const last = resume('a', -1);
    if (last.kind !== 'last') throw new Error(last.kind);
    expect(ended).toEqual(['a']);
    sessions.end(last.session);
    sessions.end(last.session);
    expect(ended).toEqual(['a', 'a']);
    resume('b', 0, { connection: 7 });
    resume('c', 0, { connection: 7 });
    resume('d', 0, { connection: 8 });
    sessions.closeConnection(7);
    sessions.closeConnection(7);
    expect(ended).toEqual(['a', 'a', 'b', 'c']);
    expect([sessions.count, sessions.hasGroup('g')]).toEqual([1, true]);
    sessions.closeAll();
    expect([sessions.count, sessions.hasGroup('g')]).toEqual([0, false]);
  });

  it('are no more than there may be', () => {
    const { resume } = stage(1);
    resume('a', 0);
    expect(resume('b', 0)).toEqual({ kind: 'refused', problem: 'too-many' });
    expect(resume('a', 0).kind).toBe('open');
  });
});
