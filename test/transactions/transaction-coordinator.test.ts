import { expect, it } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';
import { Fault } from '../../src/base/fault.ts';
import { CoordinatorLog } from '../../src/cluster/coordinator-log.ts';
import { TransactionCoordinator } from '../../src/transactions/transaction-coordinator.ts';
import { MarkerWriter } from '../../src/transactions/transaction-markers.ts';

const silent = () => {};
const logger = { debug: silent, info: silent, warn: silent, error: silent };
const WISH = { transactionalId: 'transfer', timeoutMs: 1000, expected: null };

interface IdRequest {
  readonly resolve: (id: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Over an empty log that takes everything at once; producer ids come when a test says so. */
async function coordinatorOver(asked: IdRequest[]): Promise<TransactionCoordinator> {
  const alarms = new Alarms(() => 0);
  const markers = new MarkerWriter({
    append: () => Promise.resolve(0),
    exists: () => true,
    onOffsetsMarker: () => Promise.resolve(),
    crc32c: () => 0,
    alarms,
    logger,
  });
  const coordinator = new TransactionCoordinator({
    partitionCount: () => 1,
    leaderEpochOf: () => 0,
    openLog: () =>
      new CoordinatorLog({
        port: {
          append: () => Promise.resolve({ error: 0, baseOffset: 0 }),
          read: () =>
            Promise.resolve({ error: 0, bytes: new Uint8Array(0), start: 0, stable: 0, high: 0, aborted: [] }),
        },
        place: { slot: 0, worker: 0 },
        name: 'state-0',
        crc32c: () => 0,
        nowMs: () => 0,
        warn: silent,
      }),
    ensureTopic: () => Promise.resolve(),
    allocateProducerId: () => new Promise((resolve, reject) => asked.push({ resolve, reject })),
    markers,
    settings: () => ({ timeoutMaxMs: 1000, abortCheckMs: 1000, expiryCheckMs: 1000, expiryMs: 1000 }),
    alarms,
    logger,
    onFailure: (error) => {
      throw error;
    },
  });
  coordinator.start();
  await new Promise((resolve) => setImmediate(resolve));
  return coordinator;
}

it('a producer that asks again is not fenced by what it asked before, when that waited longer for an id', async () => {
  const asked: IdRequest[] = [];
  const coordinator = await coordinatorOver(asked);
  const first = coordinator.init(WISH);
  const again = coordinator.init(WISH);
  // Others take of a block that comes meanwhile.
  asked[1]?.resolve(8);
  await new Promise((resolve) => setImmediate(resolve));
  asked[0]?.resolve(7);
  const answers = await Promise.all([first, again]);
  expect(answers.map(({ producerId, producerEpoch }) => `${producerId}/${producerEpoch}`)).toEqual(['7/0', '7/1']);
});

it('a producer id that could not be had is asked for by whoever waited for it', async () => {
  const asked: IdRequest[] = [];
  const coordinator = await coordinatorOver(asked);
  const first = coordinator.init(WISH);
  const again = coordinator.init(WISH);
  asked[0]?.reject(new Fault('PB_DISK_ERROR', 'the disk fails'));
  await expect(first).rejects.toThrow('the disk fails');
  await new Promise((resolve) => setImmediate(resolve));
  asked[1]?.resolve(8);
  expect(await again).toEqual({ error: 0, producerId: 8, producerEpoch: 0 });
});
