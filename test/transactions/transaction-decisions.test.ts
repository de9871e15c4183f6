import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCode } from '../../src/protocol/errors.ts';
import {
  type ClientVersion,
  EPOCH_MAX,
  identityAfterEnd,
  isPrepared,
  type ProducerIdentity,
  type Transaction,
  type TransactionStatus,
} from '../../src/transactions/transaction.ts';
import {
  completed,
  type Decision,
  decideAdd,
  decideEnd,
  decideInit,
  decideStray,
  decideTimeout,
  type EndCommand,
  wasCommitted,
} from '../../src/transactions/transaction-decisions.ts';
import { decodeValue, encodeValue } from '../../src/transactions/transaction-records.ts';
import { NOW_MS, partitions, transactionOf } from './any-transaction.ts';

/** As it is found at a start. */
function reread(transaction: Transaction): Transaction {
  return decodeValue(transaction.transactionalId, encodeValue(transaction));
}

/** "NONE" for an answer without a change, "epoch N" for one with. */
function said(decision: Decision): string {
  switch (decision.kind) {
    case 'refuse':
      return Object.entries(errorCode).find(([, code]) => code === decision.error)?.[0] ?? String(decision.error);
    case 'stand':
      return 'NONE';
    case 'change':
      return `epoch ${decision.next.producerEpoch}`;
    case 'wants-producer-id':
      return decision.kind;
  }
}

function end(status: TransactionStatus, more: Partial<EndCommand>): string {
  const command = { producerId: 7, producerEpoch: 5, isCommit: true, clientVersion: 2 as ClientVersion };
  return said(decideEnd(transactionOf({ status }), { ...command, freshProducerId: null, ...more }, NOW_MS));
}

describe('EndTxn of version 2', () => {
  it.each([
    ['Empty', 'PRODUCER_FENCED', 'epoch 6', 'PRODUCER_FENCED', 'INVALID_TXN_STATE'],
    ['Ongoing', 'PRODUCER_FENCED', 'epoch 6', 'PRODUCER_FENCED', 'epoch 6'],
    ['CompleteAbort', 'NONE', 'epoch 6', 'INVALID_TXN_STATE', 'INVALID_TXN_STATE'],
    ['CompleteCommit', 'INVALID_TXN_STATE', 'epoch 6', 'NONE', 'INVALID_TXN_STATE'],
    ['PrepareAbort', 'CONCURRENT_TRANSACTIONS', 'PRODUCER_FENCED', 'INVALID_TXN_STATE', 'PRODUCER_FENCED'],
    ['PrepareCommit', 'INVALID_TXN_STATE', 'PRODUCER_FENCED', 'CONCURRENT_TRANSACTIONS', 'PRODUCER_FENCED'],
  ] as const)('in %s', (status, abortAgain, abortNew, commitAgain, commitNew) => {
    expect(end(status, { isCommit: false, producerEpoch: 4 })).toBe(abortAgain);
    expect(end(status, { isCommit: false })).toBe(abortNew);
    expect(end(status, { isCommit: true, producerEpoch: 4 })).toBe(commitAgain);
    expect(end(status, { isCommit: true })).toBe(commitNew);
    expect(end(status, { producerId: 8 })).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(end(status, { producerEpoch: 3 })).toBe('PRODUCER_FENCED');
  });
});

// An older client had the id after it, and its end left the epoch that the newer one would have got with its own.
it('an end of version 2 is not taken for one of an older version sent again', () => {
  const status = 'CompleteCommit';
  const again = { producerId: 7, producerEpoch: 4, isCommit: true, freshProducerId: null, clientVersion: 2 as const };
  expect(said(decideEnd(transactionOf({ status, clientVersion: 0 }), again, NOW_MS))).toBe('PRODUCER_FENCED');
  expect(said(decideEnd(transactionOf({ status, clientVersion: 2 }), again, NOW_MS))).toBe('NONE');
});

describe('EndTxn of older versions', () => {
  it.each([
    ['Empty', 'INVALID_TXN_STATE', 'INVALID_TXN_STATE'],
    ['Ongoing', 'epoch 5', 'epoch 5'],
    ['CompleteAbort', 'NONE', 'INVALID_TXN_STATE'],
    ['CompleteCommit', 'INVALID_TXN_STATE', 'NONE'],
    ['PrepareAbort', 'CONCURRENT_TRANSACTIONS', 'INVALID_TXN_STATE'],
    ['PrepareCommit', 'INVALID_TXN_STATE', 'CONCURRENT_TRANSACTIONS'],
  ] as const)('in %s', (status, abort, commit) => {
    expect(end(status, { isCommit: false, clientVersion: 0 })).toBe(abort);
    expect(end(status, { isCommit: true, clientVersion: 0 })).toBe(commit);
    expect(end(status, { producerEpoch: 4, clientVersion: 0 })).toBe('PRODUCER_FENCED');
  });
});

describe('a producer whose epochs run out', () => {
  const last = transactionOf({ status: 'Ongoing', producerEpoch: EPOCH_MAX - 1 });
  const command = { producerId: 7, producerEpoch: EPOCH_MAX - 1, isCommit: true, clientVersion: 2 as ClientVersion };

  it('goes on under another id after the end, and may ask for that again', () => {
    expect(said(decideEnd(last, { ...command, freshProducerId: null }, NOW_MS))).toBe('wants-producer-id');
    const decision = decideEnd(last, { ...command, freshProducerId: 90 }, NOW_MS);
    if (decision.kind !== 'change') throw new Error('the transaction ends');
    // The markers go out under the id that wrote, with an epoch that nobody was told.
    expect(decision.next).toMatchObject({ producerId: 7, producerEpoch: EPOCH_MAX, nextProducerId: 90 });
    const after = completed(decision.next, NOW_MS);
    expect(after).toMatchObject({ producerId: 90, producerEpoch: 0, previousProducerId: 7, status: 'CompleteCommit' });
    expect(said(decideEnd(after, { ...command, freshProducerId: null }, NOW_MS))).toBe('NONE');
  });

  it('gets another id from InitProducerId', () => {
    const idle = transactionOf({ producerEpoch: EPOCH_MAX - 1 });
    const init = { transactionalId: 'transfer', timeoutMs: 1, expected: null };
    expect(said(decideInit(idle, { ...init, freshProducerId: null }, NOW_MS))).toBe('wants-producer-id');
    const expected = { producerId: 7, producerEpoch: EPOCH_MAX - 1 };
    const decision = decideInit(idle, { ...init, expected, freshProducerId: 91 }, NOW_MS);
    if (decision.kind !== 'change') throw new Error('the producer is given an id');
    expect(decision.next).toMatchObject({ producerId: 91, producerEpoch: 0, previousProducerId: 7 });
    expect(said(decideInit(decision.next, { ...init, expected, freshProducerId: null }, NOW_MS))).toBe('epoch 0');
  });

  it('is fenced within its last epoch, and what comes next has another id', () => {
    const overdue = { ...last, startMs: 0 };
    expect(said(decideTimeout(overdue, null, NOW_MS))).toBe('wants-producer-id');
    const decision = decideTimeout(overdue, 92, NOW_MS);
    if (decision.kind !== 'change') throw new Error('the transaction ends');
    expect(decision.next).toMatchObject({ status: 'PrepareAbort', producerEpoch: EPOCH_MAX, nextProducerId: 92 });
    expect(completed(decision.next, NOW_MS)).toMatchObject({ producerId: 92, producerEpoch: 0 });
    expect(said(decideTimeout({ ...last, startMs: NOW_MS - 1000 }, null, NOW_MS))).toBe('NONE');
  });
});

describe('a producer whose epochs are in doubt', () => {
  const init = { transactionalId: 'transfer', timeoutMs: 1, expected: null, freshProducerId: 91 };
  const atRest = transactionOf({ isDoubtful: true });
  const ongoing = transactionOf({ isDoubtful: true, status: 'Ongoing' });

  it('gets another id, at once or when what it left open is aborted', () => {
    expect(said(decideInit(atRest, { ...init, freshProducerId: null }, NOW_MS))).toBe('wants-producer-id');
    const begun = decideInit(atRest, init, NOW_MS);
    if (begun.kind !== 'change') throw new Error('the producer is given an id');
    expect(begun.next).toMatchObject({ producerId: 91, producerEpoch: 0, status: 'Empty', isDoubtful: false });
    const fenced = decideInit(ongoing, init, NOW_MS);
    if (fenced.kind !== 'change') throw new Error('the transaction ends');
    expect(completed(fenced.next, NOW_MS)).toMatchObject({ producerId: 91, producerEpoch: 0, isDoubtful: false });
  });

  it('gets another id after a transaction that took too long', () => {
    expect(said(decideTimeout({ ...ongoing, startMs: 0 }, null, NOW_MS))).toBe('wants-producer-id');
  });

  // Written down before a loss of power that took all that came after it: the other id was given out, and used.
  it('is in doubt under the other id as well, when that is found where the abort was decided', () => {
    const fenced = decideInit(ongoing, init, NOW_MS);
    if (fenced.kind !== 'change') throw new Error('the transaction ends');
    const found = completed({ ...fenced.next, isDoubtful: true }, NOW_MS);
    expect(found).toMatchObject({ producerId: 91, isDoubtful: true });
    expect(said(decideInit(found, { ...init, freshProducerId: null }, NOW_MS))).toBe('wants-producer-id');
  });

  it('stays so as long as its ends give it no other epoch', () => {
    const identity = { producerId: 7, producerEpoch: 5 };
    const begun = decideAdd(atRest, { ...identity, partitions, clientVersion: 0 }, NOW_MS);
    if (begun.kind !== 'change') throw new Error('the transaction begins');
    const end = { ...identity, isCommit: true, clientVersion: 0, freshProducerId: null } as const;
    const ended = decideEnd(begun.next, end, NOW_MS);
    if (ended.kind !== 'change') throw new Error('the transaction ends');
    expect(completed(ended.next, NOW_MS)).toMatchObject({ producerId: 7, isDoubtful: true });
  });

  // The next epoch had been given to another producer already, and there were two that took themselves for the one.
  it('goes on under another id after an end that would give it the next epoch, and may ask for that again', () => {
    const identity = { producerId: 7, producerEpoch: 5 };
    const end = { ...identity, isCommit: true, clientVersion: 2 } as const;
    expect(said(decideEnd(ongoing, { ...end, freshProducerId: null }, NOW_MS))).toBe('wants-producer-id');
    const ended = decideEnd(ongoing, { ...end, freshProducerId: 91 }, NOW_MS);
    if (ended.kind !== 'change') throw new Error('the transaction ends');
    expect(ended.next).toMatchObject({ producerId: 7, producerEpoch: 6, nextProducerId: 91, isDoubtful: false });
    const next = { producerId: 91, producerEpoch: 0 };
    const add = { ...next, partitions, clientVersion: 2 } as const;
    expect(said(decideAdd(ended.next, add, NOW_MS))).toBe('CONCURRENT_TRANSACTIONS');
    expect(said(decideInit(ended.next, { ...init, expected: next }, NOW_MS))).toBe('CONCURRENT_TRANSACTIONS');
    expect(said(decideEnd(ended.next, { ...end, freshProducerId: null }, NOW_MS))).toBe('CONCURRENT_TRANSACTIONS');
    const after = completed(ended.next, NOW_MS);
    expect(after).toMatchObject(next);
    const found = [after, completed(reread(ended.next), NOW_MS), reread(after)];
    for (const state of found) {
      expect(said(decideEnd(state, { ...end, freshProducerId: null }, NOW_MS))).toBe('NONE');
      const other = { ...end, producerEpoch: 6, freshProducerId: null };
      expect(said(decideEnd(state, other, NOW_MS))).toBe('INVALID_PRODUCER_ID_MAPPING');
    }
    expect(said(decideAdd(after, add, NOW_MS))).toBe('epoch 0');
  });

  // The epoch it was given under the other id was lost, and is as large as the last one under the id before.
  it('is not taken for a producer that asks again after another id, by the number of its epoch alone', () => {
    const end = { producerId: 7, producerEpoch: 5, isCommit: false, freshProducerId: 91 } as const;
    const ended = decideEnd(ongoing, { ...end, clientVersion: 2 }, NOW_MS);
    if (ended.kind !== 'change') throw new Error('the transaction ends');
    const after = completed(ended.next, NOW_MS);
    expect(after).toMatchObject({ producerId: 91, producerEpoch: 0, lastProducerEpoch: 5 });
    const lost = { ...init, expected: { producerId: 91, producerEpoch: 5 } };
    expect(said(decideInit(after, lost, NOW_MS))).toBe('PRODUCER_FENCED');
    expect(said(decideInit(after, { ...init, expected: { producerId: 7, producerEpoch: 5 } }, NOW_MS))).toBe('epoch 0');
    const begun = decideAdd(after, { producerId: 91, producerEpoch: 0, partitions, clientVersion: 0 }, NOW_MS);
    if (begun.kind !== 'change') throw new Error('the transaction begins');
    const plain = {
      producerId: 91,
      producerEpoch: 0,
      isCommit: true,
      freshProducerId: null,
      clientVersion: 0,
    } as const;
    const plainEnd = decideEnd(begun.next, plain, NOW_MS);
    if (plainEnd.kind !== 'change') throw new Error('the transaction ends');
    expect(said(decideInit(completed(plainEnd.next, NOW_MS), lost, NOW_MS))).toBe('PRODUCER_FENCED');
  });

  it('may ask again when it was not answered', () => {
    const expected = { producerId: 7, producerEpoch: 5 };
    const decision = decideInit(atRest, { ...init, expected }, NOW_MS);
    if (decision.kind !== 'change') throw new Error('the producer is given an id');
    const again = { ...init, expected };
    expect(said(decideInit(decision.next, again, NOW_MS))).toBe('epoch 0');
    const other = { producerId: 7, producerEpoch: 4 };
    expect(said(decideInit(decision.next, { ...again, expected: other }, NOW_MS))).toBe('PRODUCER_FENCED');
  });
});

it('a topic that is added without partitions is no part of the transaction', () => {
  const added = new Map([
    ['orders', new Set([1])],
    ['others', new Set<number>()],
  ]);
  const command = { producerId: 7, producerEpoch: 5, partitions: added, clientVersion: 0 as ClientVersion };
  const decision = decideAdd(transactionOf(), command, NOW_MS);
  if (decision.kind !== 'change') throw new Error('the transaction begins');
  expect([...decision.next.partitions.keys()]).toEqual(['orders']);
});

describe('a transaction that is left open', () => {
  // One epoch to fence and one for the end would be one too many (KAFKA-19367).
  it('costs one epoch when another producer comes, and one when it takes too long', () => {
    const open = transactionOf({ status: 'Ongoing' });
    const init = { transactionalId: 'transfer', timeoutMs: 1000, expected: null, freshProducerId: null };
    const decision = decideInit(open, init, NOW_MS);
    if (decision.kind !== 'change') throw new Error('the transaction ends');
    expect(decision.error).toBe(errorCode.CONCURRENT_TRANSACTIONS);
    expect(decision.next).toMatchObject({ status: 'PrepareAbort', producerEpoch: 6, lastProducerEpoch: 5 });
    expect(said(decideInit(completed(decision.next, NOW_MS), init, NOW_MS))).toBe('epoch 7');
    expect(said(decideTimeout({ ...open, startMs: 0 }, null, NOW_MS))).toBe('epoch 6');
  });
});

describe('a transaction that only logs know of', () => {
  const elsewhere = new Map([['others', new Set([1])]]);
  const identity = { producerId: 7, producerEpoch: 5 };
  const stray = { ...identity, partitions: elsewhere, freshProducerId: null };

  it.each(['Empty', 'CompleteCommit', 'CompleteAbort'] as const)(
    'is aborted where its producer rests (%s)',
    (status) => {
      const decision = decideStray(transactionOf({ status }), stray, NOW_MS);
      if (decision.kind !== 'change') throw new Error('it ends');
      expect(decision.next).toMatchObject({ status: 'PrepareAbort', producerEpoch: 6, clientVersion: 2 });
      expect(decision.next.partitions).toEqual(elsewhere);
    },
  );

  it('is aborted with what its producer has begun', () => {
    const decision = decideStray(transactionOf({ status: 'Ongoing', partitions }), stray, NOW_MS);
    if (decision.kind !== 'change') throw new Error('it ends');
    expect(decision.next.status).toBe('PrepareAbort');
    expect([...decision.next.partitions.keys()].sort()).toEqual([...partitions.keys(), 'others'].sort());
  });

  it('goes on where it is known by now, and waits for an end that is under way', () => {
    expect(said(decideStray(transactionOf({ status: 'Ongoing', partitions: elsewhere }), stray, NOW_MS))).toBe('NONE');
    expect(said(decideStray(transactionOf({ producerEpoch: 6 }), stray, NOW_MS))).toBe('NONE');
    expect(said(decideStray(null, stray, NOW_MS))).toBe('NONE');
    const prepared = transactionOf({ status: 'PrepareCommit', clientVersion: 0 });
    expect(said(decideStray(prepared, stray, NOW_MS))).toBe('CONCURRENT_TRANSACTIONS');
  });

  it('gives its producer another id where its epochs are in doubt', () => {
    const doubtful = transactionOf({ isDoubtful: true });
    expect(said(decideStray(doubtful, stray, NOW_MS))).toBe('wants-producer-id');
    const decision = decideStray(doubtful, { ...stray, freshProducerId: 91 }, NOW_MS);
    if (decision.kind !== 'change') throw new Error('it ends');
    expect(completed(decision.next, NOW_MS)).toMatchObject({
      producerId: 91,
      producerEpoch: 0,
      status: 'CompleteAbort',
    });
  });

  it('is known to be committed where it was the last one, and each has an epoch of its own', () => {
    const after = { status: 'CompleteCommit', producerEpoch: 6, clientVersion: 2 } as const;
    expect(wasCommitted(transactionOf(after), identity)).toBe(true);
    expect(wasCommitted(transactionOf({ ...after, status: 'CompleteAbort' }), identity)).toBe(false);
    expect(wasCommitted(transactionOf({ ...after, status: 'Ongoing' }), identity)).toBe(false);
    expect(wasCommitted(transactionOf({ ...after, producerEpoch: 7 }), identity)).toBe(false);
    expect(wasCommitted(transactionOf({ ...after, producerEpoch: 5, clientVersion: 0 }), identity)).toBe(false);
    const rotated = { ...after, producerId: 91, producerEpoch: 0, previousProducerId: 7, lastProducerEpoch: 5 };
    expect(wasCommitted(transactionOf(rotated), identity)).toBe(true);
    expect(wasCommitted(transactionOf({ ...rotated, lastProducerEpoch: 4 }), identity)).toBe(false);
  });
});

// ── whatever comes in whatever order ────────────────────────────────────────────────────────────────────────────────

type Step = (transaction: Transaction | null, nowMs: number) => Transaction | null;

const versions = fc.constantFrom<ClientVersion[]>(0, 2);
/** Epochs near the current one, so that steps are taken and refused in turn. */
const slips = fc.constantFrom(0, 0, 0, 0, -1, 1);

function applied(transaction: Transaction | null, decision: Decision): Transaction | null {
  return decision.kind === 'change' ? decision.next : transaction;
}

let freshId = 100;
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.boolean(), slips, fc.boolean()).map(
    ([isExpecting, slip, isDoubtful]): Step =>
      (current, nowMs) => {
        const expected =
          isExpecting && current !== null
            ? { producerId: current.producerId, producerEpoch: current.producerEpoch + slip }
            : null;
        const init = { transactionalId: 't', timeoutMs: 50, expected, freshProducerId: freshId++ };
        return applied(current, decideInit(current === null ? null : { ...current, isDoubtful }, init, nowMs));
      },
  ),
  fc.tuple(versions, slips).map(
    ([clientVersion, slip]): Step =>
      (current, nowMs) => {
        const producerEpoch = (current?.producerEpoch ?? 0) + slip;
        const command = { producerId: current?.producerId ?? 1, producerEpoch, partitions, clientVersion };
        return applied(current, decideAdd(current, command, nowMs));
      },
  ),
  fc.tuple(versions, slips, fc.boolean()).map(
    ([clientVersion, slip, isCommit]): Step =>
      (current, nowMs) => {
        const producerEpoch = (current?.producerEpoch ?? 0) + slip;
        const command = { producerId: current?.producerId ?? 1, producerEpoch, isCommit, clientVersion };
        return applied(current, decideEnd(current, { ...command, freshProducerId: freshId++ }, nowMs));
      },
  ),
  fc.constant<Step>((current, nowMs) => applied(current, decideTimeout(current, freshId++, nowMs))),
  slips.map(
    (slip): Step =>
      (current, nowMs) => {
        const elsewhere = new Map([['orders', new Set([9])]]);
        const identity = { producerId: current?.producerId ?? 1, producerEpoch: (current?.producerEpoch ?? 0) + slip };
        return applied(
          current,
          decideStray(current, { ...identity, partitions: elsewhere, freshProducerId: freshId++ }, nowMs),
        );
      },
  ),
  fc.constant<Step>((current, nowMs) =>
    current !== null && isPrepared(current.status) ? completed(current, nowMs) : current,
  ),
);

describe('any sequence of steps', () => {
  it('never gives an epoch twice, ends only what is prepared, and keeps partitions as long as they are needed', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60 }), fc.nat({ max: 40 }), (sequence, firstEpoch) => {
        let current: Transaction | null = transactionOf({ producerEpoch: EPOCH_MAX - firstEpoch - 1 });
        sequence.forEach((step, index) => {
          const before: Transaction | null = current;
          const after: Transaction | null = step(before, NOW_MS + index * 20);
          current = after;
          if (before === null || after === null || before === after) return;
          const isSameId = before.producerId === after.producerId;
          expect(after.producerEpoch).toBeLessThanOrEqual(EPOCH_MAX);
          if (isSameId) expect(after.producerEpoch).toBeGreaterThanOrEqual(before.producerEpoch);
          else expect(after.producerEpoch).toBe(0);
          if (isPrepared(before.status)) expect(after.status).toBe(before.status.replace('Prepare', 'Complete'));
          if (before.status === 'Ongoing') expect(['Ongoing', 'PrepareCommit', 'PrepareAbort']).toContain(after.status);
          if (before.status === 'Ongoing') expect(after.partitions.size).toBe(1);
          if (after.status === 'PrepareCommit') expect(before.status).toBe('Ongoing');
        });
      }),
      { numRuns: 2000 },
    );
  });
});

// ── several clients of one id ───────────────────────────────────────────────────────────────────────────────────────

interface Client {
  readonly version: ClientVersion;
  identity: ProducerIdentity | null;
}

/** Clients that share an id, each answered or not, and a log of states that the power takes back to an earlier one. */
class SharedId {
  readonly clients: readonly Client[] = ([0, 2, 2] as const).map((version) => ({ version, identity: null }));
  private readonly written: (Transaction | null)[] = [null];
  private freshId = 1000;
  private nowMs = NOW_MS;

  step([deed, who, isCommit, isAnswered, cut]: Deed): void {
    this.nowMs += 20;
    const client = this.clients[who];
    if (client === undefined) throw new Error('there is such a client');
    const { identity } = client;
    const current = this.written.at(-1) ?? null;
    if (deed === 'complete') {
      if (current !== null && isPrepared(current.status)) this.written.push(completed(current, this.nowMs));
    } else if (deed === 'cut') this.cut(cut);
    else if (deed === 'stray' && current !== null) {
      const { producerId, producerEpoch } = current;
      const stray = { producerId, producerEpoch, partitions, freshProducerId: this.freshId++ };
      this.decided(decideStray(current, stray, this.nowMs));
    } else if (deed === 'time') this.decided(decideTimeout(current, this.freshId++, this.nowMs));
    else if (deed === 'init' || identity === null) {
      const expected = isCommit ? identity : null;
      const init = { transactionalId: 't', timeoutMs: 50, expected, freshProducerId: this.freshId++ };
      const error = this.decided(decideInit(current, init, this.nowMs));
      const given = this.written.at(-1) ?? null;
      if (error === 0 && given !== null && isAnswered) this.give(client, given);
    } else if (deed === 'add') {
      this.decided(decideAdd(current, { ...identity, partitions, clientVersion: client.version }, this.nowMs));
    } else {
      const end = { ...identity, isCommit, clientVersion: client.version, freshProducerId: this.freshId++ };
      const error = this.decided(decideEnd(current, end, this.nowMs));
      const given = this.written.at(-1) ?? null;
      if (error === 0 && given !== null && isAnswered && client.version >= 2)
        this.give(client, identityAfterEnd(given));
    }
  }

  private decided(decision: Decision): number {
    if (decision.kind === 'change') this.written.push(decision.next);
    return decision.kind === 'change' || decision.kind === 'refuse' ? decision.error : 0;
  }

  private give(client: Client, { producerId, producerEpoch }: ProducerIdentity): void {
    client.identity = { producerId, producerEpoch };
    const same = this.clients.filter(({ identity }) => identity?.producerId === producerId);
    expect(same.filter(({ identity }) => identity?.producerEpoch === producerEpoch)).toEqual([client]);
  }

  private cut(length: number): void {
    this.written.splice(Math.max(1, this.written.length - length));
    const last = this.written.at(-1) ?? null;
    if (last !== null) this.written.push({ ...reread(last), isDoubtful: true });
  }
}

type Deed = readonly ['init' | 'add' | 'end' | 'complete' | 'time' | 'stray' | 'cut', number, boolean, boolean, number];

const deeds: fc.Arbitrary<Deed> = fc.tuple(
  fc.constantFrom('init', 'add', 'add', 'end', 'end', 'complete', 'complete', 'time', 'stray', 'cut'),
  fc.nat({ max: 2 }),
  fc.boolean(),
  fc.boolean(),
  fc.nat({ max: 8 }),
);

it('no two clients of an id ever have the same epoch of the same producer id, whatever the power takes', () => {
  fc.assert(
    fc.property(fc.array(deeds, { maxLength: 80, size: 'max' }), (sequence) => {
      const id = new SharedId();
      for (const deed of sequence) id.step(deed);
    }),
    { numRuns: Number(process.env['RUNS'] ?? 3000) },
  );
});
