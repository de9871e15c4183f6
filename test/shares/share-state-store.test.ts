/** What is kept of share partitions: updates and snapshots, read back; and what happens when a write fails. */
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import type { LogReplay, StoredEntry } from '../../src/cluster/coordinator-log.ts';
import { storedKind } from '../../src/protocol/stored-record.ts';
import { parseShareKey, shareKeyText, statePartitionOf } from '../../src/shares/share-key.ts';
import type { StateChange } from '../../src/shares/share-partition.ts';
import { ShareStateStore } from '../../src/shares/share-state-store.ts';

const key = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 3 };

/** The log, as far as it was written. */
class Shelf {
  readonly entries: StoredEntry[] = [];
  loads = 0;
  mustFail = false;
  /** Everything before it was deleted. */
  start = 0;
  flushed: Promise<void> = Promise.resolve();

  open(updatesPerSnapshot = 3): ShareStateStore {
    return new ShareStateStore({
      ensureTopic: () => Promise.resolve(1),
      openLog: () => this.openLog(),
      endOf: () => this.entries.length,
      untilFlushed: () => this.flushed,
      deleteBefore: (_partition, offset) => {
        this.start = offset;
        return Promise.resolve();
      },
      updatesPerSnapshot: () => updatesPerSnapshot,
      nowMs: () => 1,
      warn: () => {},
    });
  }

  private openLog() {
    const log = {
      isLost: false,
      load: (replay: LogReplay) => {
        this.loads += 1;
        for (const [offset, entry] of this.entries.entries()) {
          if (offset < this.start) continue;
          replay.entry(entry.key, entry.value, { offset, timestampMs: 1, leaderEpoch: 0, producer: null });
        }
        return Promise.resolve();
      },
      append: (entries: readonly StoredEntry[]) => {
        if (this.mustFail) {
          log.isLost = true;
          return Promise.reject(new Fault('PB_LOG_LOST', 'it could not be written'));
        }
        this.entries.push(...entries);
        return Promise.resolve();
      },
    };
    return log;
  }
}

function change(startOffset: number, ...batches: [number, number, number, number][]): StateChange {
  return {
    startOffset,
    deliveryCompleteCount: 0,
    stateBatches: batches.map(([firstOffset, lastOffset, deliveryState, deliveryCount]) => ({
      firstOffset,
      lastOffset,
      deliveryState,
      deliveryCount,
    })),
  };
}

async function stateOf(store: ShareStateStore) {
  const state = await store.read(key);
  if (state === null) return null;
  const batches = state.stateBatches.map((batch) => Object.values(batch));
  return { start: state.startOffset, epoch: state.stateEpoch, batches };
}

describe('the store of share states', () => {
  it('reads back what was changed, newest over oldest', async () => {
    const shelf = new Shelf();
    const store = shelf.open();
    expect(await store.read(key)).toBeNull();
    expect(await store.write(key, change(0), 0)).toBe(false);
    await store.begin([{ key, stateEpoch: 7, leaderEpoch: 0, startOffset: -1 }]);
    await store.write(key, change(10, [10, 19, 2, 1]), 0);
    await store.write(key, change(10, [12, 13, 0, 1], [20, 29, 4, 5]), 0);
    await store.write(key, change(12), 0);
    const expected = {
      start: 12,
      epoch: 7,
      batches: [
        [12, 13, 0, 1],
        [14, 19, 2, 1],
        [20, 29, 4, 5],
      ],
    };
    expect(await stateOf(store)).toEqual(expected);
    expect(await stateOf(shelf.open())).toEqual(expected);
  });

  it('writes a snapshot after so many updates, and believes no update of an older one', async () => {
    const shelf = new Shelf();
    const store = shelf.open(2);
    await store.begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 0 }]);
    for (let offset = 1; offset <= 6; offset++)
      await store.write(key, change(offset, [offset + 10, offset + 10, 2, 1]), 0);
    expect(shelf.entries.map((entry) => storedKind(entry.key))).toEqual([0, 1, 1, 0, 1, 1, 0]);
    const read = await stateOf(shelf.open());
    expect(read).toEqual(await stateOf(store));
    const late = new Shelf();
    late.entries.push(...shelf.entries, shelf.entries[1]!);
    expect(await stateOf(late.open())).toEqual(read);
  });

  it('begins anew over an old state, and forgets', async () => {
    const shelf = new Shelf();
    const store = shelf.open();
    await store.begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 5 }]);
    await store.write(key, change(6, [8, 9, 2, 1]), 0);
    await store.begin([{ key, stateEpoch: 2, leaderEpoch: 0, startOffset: 0 }]);
    expect(await stateOf(shelf.open())).toEqual({ start: 0, epoch: 2, batches: [] });
    await store.forget([key, { ...key, partition: 4 }]);
    expect(await stateOf(store)).toBeNull();
    expect(await stateOf(shelf.open())).toBeNull();
  });

  it('forgets what it said of offsets that a log has lost', async () => {
    const shelf = new Shelf();
    const store = shelf.open();
    await store.begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 5 }]);
    await store.write(key, change(6, [8, 11, 2, 1], [15, 19, 4, 1]), 0);
    await store.cut(key, 10, 3);
    const expected = { start: 6, epoch: 1, batches: [[8, 9, 2, 1]] };
    expect(await stateOf(store)).toEqual(expected);
    expect(await stateOf(shelf.open())).toEqual(expected);
    expect(await store.read(key)).toMatchObject({ leaderEpoch: 3, deliveryCompleteCount: 2, knownEnd: 10 });
    await store.cut(key, 4, 4);
    expect(await stateOf(shelf.open())).toEqual({ start: 4, epoch: 1, batches: [] });
  });

  it('forgets what could not be written', async () => {
    const shelf = new Shelf();
    const store = shelf.open();
    await store.begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 5 }]);
    shelf.mustFail = true;
    await expect(store.write(key, change(9), 0)).rejects.toMatchObject({ code: 'PB_LOG_LOST' });
    shelf.mustFail = false;
    expect(await stateOf(store)).toEqual({ start: 5, epoch: 1, batches: [] });
    expect(shelf.loads).toBe(2);
  });

  it('deletes what snapshots have made needless, and keeps every state', async () => {
    const shelf = new Shelf();
    const store = shelf.open(500);
    const keys = [0, 1, 2].map((partition) => ({ ...key, partition }));
    await store.begin([...keys, key].map((one) => ({ key: one, stateEpoch: 1, leaderEpoch: 0, startOffset: 0 })));
    await store.write(key, change(1, [5, 9, 2, 1]), 0);
    for (let offset = 1; offset <= 5100; offset++) {
      const write = store.write(keys[offset % 3]!, change(offset, [offset + 3, offset + 3, 2, 1]), 0);
      if (offset % 50 === 0) await write;
    }
    expect(shelf.start).toBeGreaterThan(4000);
    const again = shelf.open();
    for (const one of [...keys, key]) {
      expect((await again.read(one))?.asSnapshot()).toEqual((await store.read(one))?.asSnapshot());
    }
  });

  // A loss of power took the snapshots, and what they stood for was deleted for good.
  it('deletes nothing before the snapshots that take its place are on the device', async () => {
    const shelf = new Shelf();
    let flush = (): void => {};
    shelf.flushed = new Promise((resolve) => {
      flush = resolve;
    });
    const store = shelf.open(500);
    await store.begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 0 }]);
    for (let offset = 1; offset <= 5100; offset++) await store.write(key, change(offset), 0);
    expect(shelf.start).toBe(0);
    flush();
    await store.write(key, change(6000), 0);
    expect(shelf.start).toBeGreaterThan(4000);
  });

  it('passes over records that it cannot read', async () => {
    const shelf = new Shelf();
    await shelf.open().begin([{ key, stateEpoch: 1, leaderEpoch: 0, startOffset: 5 }]);
    const [whole] = shelf.entries;
    shelf.entries.push({ key: whole!.key, value: new Uint8Array([0, 0, 1]) }, { key: new Uint8Array(1), value: null });
    expect(await stateOf(shelf.open())).toEqual({ start: 5, epoch: 1, batches: [] });
  });
});

describe('the name of a share partition', () => {
  it('is read back, also where the group has colons', () => {
    const odd = { ...key, groupId: 'a:b:' };
    expect(parseShareKey(shareKeyText(odd))).toEqual(odd);
    for (const text of ['', 'g', 'g:x:0', `:${key.topicId}:0`, `g:${key.topicId}:-1`, `g:${key.topicId}:99999999999`]) {
      expect(parseShareKey(text), text).toBeNull();
    }
  });

  it('decides on its partition of the state topic as Kafka does', () => {
    // Java: Math.abs("g:AAAAAAAAAAAAAAAAAAAAAQ:3".hashCode()) % 50
    expect(statePartitionOf(key, 50)).toBe(HASHED);
  });
});

const HASHED = 20;
