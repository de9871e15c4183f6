import { expect, it } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';
import { Fault } from '../../src/base/fault.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { LivePartition } from '../../src/shares/live-partition.ts';
import { ShareDelivery } from '../../src/shares/share-delivery.ts';
import { ACKNOWLEDGE_ACCEPT } from '../../src/shares/share-partition.ts';
import { ShareStateStore } from '../../src/shares/share-state-store.ts';
import { portToNowhere } from '../apis/desk-client.ts';

const key = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 };
const settings = { deliveryCountMax: 5, lockMs: 1000, locksMax: 100 };

/** Records 0 to 9, all of them with the member; the test says what becomes of each write. */
async function heldPartition() {
  const writes: { readonly resolve: () => void; readonly reject: (fault: Fault) => void }[] = [];
  let isHeld = false;
  const store = new ShareStateStore({
    ensureTopic: () => Promise.resolve(1),
    openLog: () => ({
      isLost: false,
      load: () => Promise.resolve(),
      append: () =>
        isHeld ? new Promise<void>((resolve, reject) => writes.push({ resolve, reject })) : Promise.resolve(),
    }),
    endOf: () => 0,
    untilFlushed: () => Promise.resolve(),
    deleteBefore: () => Promise.resolve(),
    updatesPerSnapshot: () => 100,
    nowMs: () => 0,
    warn: () => undefined,
  });
  const alarms = new Alarms(() => 0);
  const port = portToNowhere();
  port.board.set(0, 0, 10, 10, 10, 100);
  port.board.setEpoch(0, 0);
  await store.begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 0 }]);
  const opened = await LivePartition.open(
    {
      store,
      port,
      placeOf: () => ({ slot: 0, worker: 0 }),
      settingsOf: () => ({ ...settings, reset: { kind: 'earliest' }, isCommitted: false, canRenew: true }),
      groupEpochOf: () => Promise.resolve(1),
      alarms,
      warn: () => undefined,
    },
    key,
  );
  if (opened.kind === 'refused') throw new Error(`it is refused: ${opened.error}`);
  const { live } = opened;
  const batches = [{ first: 0, last: 9, isHidden: false }];
  const wish = { memberId: 'm', batches, fromOffset: 0, recordsMax: 10, rangeRecords: 10, isExact: false };
  expect(live.machine.acquire(wish, settings, 0)).toHaveLength(1);
  const partitions = { open: () => Promise.resolve(opened), find: () => live, of: () => [live] };
  const delivery = new ShareDelivery({ partitions, port, alarms, backlogBytes: () => 0, log: silentLogger });
  isHeld = true;
  return {
    live,
    port,
    writes,
    accept: (first: number, last: number) =>
      delivery.acknowledge(key, 'm', [{ firstOffset: first, lastOffset: last, types: [ACKNOWLEDGE_ACCEPT] }]),
  };
}

async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) await Promise.resolve();
}

// Records before a start that could not be stored came again, though their acknowledgement had been answered.
it.each([
  ['a move of the start', undefined],
  ['what became of them', 9],
])('says that records are done with when %s is stored, also where another change brought that', async (_, last) => {
  for (const fault of [null, new Fault('PB_LOG_LOST', 'the disk is full')]) {
    const { live, port, writes, accept } = await heldPartition();
    const first = last === undefined ? move(live, port) : accept(0, last);
    let isAnswered = false;
    const again = accept(0, 4).finally(() => {
      isAnswered = true;
    });
    await settle();
    expect([writes.length, isAnswered]).toEqual([1, false]);
    if (fault === null) writes[0]?.resolve();
    else writes[0]?.reject(fault);
    expect((await again).error).toBe(fault === null ? errorCode.NONE : errorCode.COORDINATOR_NOT_AVAILABLE);
    await first;
  }
});

function move(live: LivePartition, port: ReturnType<typeof portToNowhere>): Promise<unknown> {
  port.board.setLogStart(0, 5);
  live.machine.moveStart(5);
  return live.store().catch(() => undefined);
}
