/** What is taken for a stray, and when: logs and coordinators by hand. */
import { expect, it } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';
import { Fault } from '../../src/base/fault.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import type { ProducerFacts } from '../../src/storage/producer-entry.ts';
import { StrayTransactions } from '../../src/transactions/stray-transactions.ts';
import { EPOCH_MAX, type Transaction } from '../../src/transactions/transaction.ts';
import type { Marker } from '../../src/transactions/transaction-markers.ts';
import { transactionOf } from './any-transaction.ts';

const OPEN: ProducerFacts = {
  producerId: 7,
  producerEpoch: 5,
  lastSequence: 0,
  lastTimestamp: 0,
  coordinatorEpoch: 3,
  openFirstOffset: 40,
};
const CLOSED: ProducerFacts = { ...OPEN, openFirstOffset: -1 };
const KNOWN = transactionOf({ status: 'Ongoing', partitions: new Map([['orders', new Set([0])]]) });

class Rig {
  nowMs = 0;
  nextProducerId = 1000;
  /** By look, the last one from then on. */
  logs: (readonly ProducerFacts[] | Error | null)[] = [[OPEN]];
  known: (readonly Transaction[] | null)[] = [[]];
  hasOpen: boolean | null = true;
  markers: Marker[] = [];
  markerCode: number = errorCode.NONE;
  ended: unknown[] = [];
  failures: unknown[] = [];
  lines: string[] = [];
  readonly alarms = new Alarms(() => this.nowMs);
  readonly strays = new StrayTransactions({
    places: () => [{ topic: 'orders', partition: 0, hasOpen: this.hasOpen }],
    producersOf: () => {
      const log = takeNext(this.logs);
      return log instanceof Error ? Promise.reject(log) : Promise.resolve(log);
    },
    wasGivenOut: (producerId) => producerId < this.nextProducerId,
    coordinator: {
      list: () => takeNext(this.known) as Transaction[] | null,
      endStray: (transactionalId, command) => {
        this.ended.push({ transactionalId, ...command });
        return Promise.resolve(errorCode.NONE);
      },
    },
    markers: {
      write: (_topic, _partition, marker) => {
        this.markers.push(marker);
        return Promise.resolve(this.markerCode);
      },
    },
    alarms: this.alarms,
    logger: { debug: () => {}, info: () => {}, warn: (line) => this.lines.push(line), error: () => {} },
    onFailure: (error) => this.failures.push(error),
  });

  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs += 50) {
      this.alarms.run();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function takeNext<T>(list: T[]): T {
  const next = list.length > 1 ? list.shift() : list[0];
  if (next === undefined) throw new Error('something is always there');
  return next;
}

async function lookedAt(change: (rig: Rig) => void, ms = 1000): Promise<Rig> {
  const rig = new Rig();
  change(rig);
  rig.strays.start();
  await rig.pass(ms);
  expect(rig.failures).toEqual([]);
  return rig;
}

it('what no coordinator knows is aborted in its log, once, under an epoch above its own', async () => {
  const rig = await lookedAt(() => {}, 10_000);
  const marker = { producerId: 7, producerEpoch: 6, isCommit: false, coordinatorEpoch: 3, bumpsEpoch: true };
  expect(rig.markers).toEqual([marker]);
  expect(rig.lines).toHaveLength(1);
});

it('what is of an id that was never given out is told, and left to people', async () => {
  const rig = await lookedAt((fresh) => {
    fresh.nextProducerId = 7;
  }, 10_000);
  expect([rig.markers, rig.ended]).toEqual([[], []]);
  expect(rig.lines).toHaveLength(1);
  expect(rig.lines[0]).toContain('open in orders-0 since offset 40, is of an id that was never given out here');
});

it('what its coordinator takes for under way, or for ending, is left alone', async () => {
  for (const status of ['Ongoing', 'PrepareCommit', 'PrepareAbort'] as const) {
    const rig = await lookedAt(({ known }) => known.splice(0, 1, [{ ...KNOWN, status }]));
    expect([rig.markers, rig.ended]).toEqual([[], []]);
  }
});

it('what began, or ended, while it was looked at is left alone', async () => {
  const began = await lookedAt(({ known }) => known.splice(0, 1, [], [KNOWN]));
  const ended = await lookedAt(({ known, logs }) => {
    known.splice(0, 1, [KNOWN], []);
    logs.splice(0, 1, [OPEN], [CLOSED]);
  });
  const another = await lookedAt(({ logs }) => logs.splice(0, 1, [OPEN], [{ ...OPEN, openFirstOffset: 44 }]));
  for (const rig of [began, ended, another]) expect([rig.markers, rig.ended]).toEqual([[], []]);
});

it('what somebody may go on with is ended by its coordinator', async () => {
  const rig = await lookedAt(({ known }) => known.splice(0, 1, [transactionOf()]));
  const partitions = new Map([['orders', new Set([0])]]);
  expect(rig.ended).toEqual([{ transactionalId: 'transfer', producerId: 7, producerEpoch: 5, partitions }]);
  expect(rig.markers).toEqual([]);
});

it('what is known to be committed is committed', async () => {
  const same = transactionOf({ status: 'CompleteCommit', producerEpoch: 6 });
  const other = transactionOf({
    ...same,
    producerId: 91,
    previousProducerId: 7,
    producerEpoch: 0,
    lastProducerEpoch: 5,
  });
  for (const transaction of [same, other]) {
    const rig = await lookedAt(({ known }) => known.splice(0, 1, [transaction]));
    expect(rig.markers).toMatchObject([{ producerId: 7, producerEpoch: 6, isCommit: true }]);
  }
});

it('the last epoch there is has none above it', async () => {
  const rig = await lookedAt(({ logs }) =>
    logs.splice(0, 1, [{ ...OPEN, producerEpoch: EPOCH_MAX, coordinatorEpoch: -1 }]),
  );
  expect(rig.markers).toMatchObject([{ producerEpoch: EPOCH_MAX, coordinatorEpoch: 0, bumpsEpoch: false }]);
});

it('a log that is not open yet, a coordinator that is not read, a worker that does not answer are asked again', async () => {
  const closed = await lookedAt((rig) => {
    rig.hasOpen = null;
  });
  expect(closed.markers).toEqual([]);
  closed.hasOpen = true;
  await closed.pass(5000);
  const unread = await lookedAt(({ known }) => known.splice(0, 1, null, []));
  const between = await lookedAt(({ known }) => known.splice(0, 1, [], null, []));
  const silent = await lookedAt(({ logs }) => logs.splice(0, 1, new Fault('PB_TIMEOUT', 'no answer'), [OPEN]));
  const failed = await lookedAt(({ logs }) => logs.splice(0, 1, null, [OPEN]));
  const failing = await lookedAt(({ logs }) => logs.splice(0, 1, [OPEN], null, [OPEN]));
  for (const rig of [closed, unread, between, silent, failed, failing]) expect(rig.markers).toHaveLength(1);
});

it('a marker that cannot be written is written later, and one that is refused not again', async () => {
  const rig = await lookedAt((fresh) => {
    fresh.markerCode = errorCode.KAFKA_STORAGE_ERROR;
  }, 150);
  expect(rig.markers).toHaveLength(1);
  rig.markerCode = errorCode.INVALID_PRODUCER_EPOCH;
  await rig.pass(10_000);
  expect(rig.markers).toHaveLength(2);
});

it('nothing is looked at when the broker stops', async () => {
  const rig = await lookedAt(({ strays }) => strays.stop());
  expect([rig.markers, rig.lines]).toEqual([[], []]);
});
