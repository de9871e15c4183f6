/**
 * Keeps the states of share partitions in `__share_group_state`: the share coordinator. Each partition of that topic is
 * read when it is needed for the first time, and whoever changes a state is answered when the change is written.
 *
 * A change is an update behind the last snapshot of its state, until there are enough of them for a new snapshot. Once a
 * partition holds far more records than states, all states are written anew, and what lies before is deleted; so its log
 * stays as long as what it says, and is read quickly. When a write fails, what memory says is no longer what the log says: the partition's states are dropped and read anew.
 */
import { isFault } from '../base/fault.ts';
import type { CoordinatorLog, StoredEntry } from '../cluster/coordinator-log.ts';
import { decodeStored, encodeStored, storedKind } from '../protocol/stored-record.ts';
import { type ShareKey, shareKeyText, statePartitionOf } from './share-key.ts';
import type { StateChange } from './share-partition.ts';
import { ShareState } from './share-state.ts';
import { shareSnapshotKey, shareSnapshotValue, shareUpdateKey, shareUpdateValue } from './state-records.ts';

export interface ShareStateParts {
  /** Resolves with the count of partitions when the topic exists. */
  readonly ensureTopic: () => Promise<number>;
  readonly openLog: (partition: number) => StateLog;
  /** Where a partition of the topic ends now: what is appended from now on lies behind it. */
  readonly endOf: (partition: number) => number;
  /** Resolves when what lies before the offset is on the device, where anything gets there. Throws Fault when it does not. */
  readonly untilFlushed: (partition: number, offset: number) => Promise<void>;
  /** Deletes what lies before the offset, for good. */
  readonly deleteBefore: (partition: number, offset: number) => Promise<void>;
  /** Read at every use. */
  readonly updatesPerSnapshot: () => number;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}

export type StateLog = Pick<CoordinatorLog, 'isLost' | 'load' | 'append'>;

export interface InitialState {
  readonly key: ShareKey;
  readonly stateEpoch: number;
  /** Of the partition, under which its log has the offset. */
  readonly leaderEpoch: number;
  readonly startOffset: number;
}

interface Shard {
  readonly partition: number;
  readonly log: StateLog;
  readonly states: Map<string, { readonly key: ShareKey; readonly state: ShareState }>;
  readonly ready: Promise<void>;
  /** Records in the log, about. */
  recordCount: number;
  isPruning: boolean;
}

/** A partition is pruned when it has this many records, and so many for each state. */
const PRUNED_RECORDS_MIN = 5000;
const PRUNED_RECORDS_PER_STATE = 20;
/** Snapshots in one batch. */
const SNAPSHOTS_AT_ONCE = 200;

export class ShareStateStore {
  private readonly parts: ShareStateParts;
  private readonly shards = new Map<number, Shard>();

  constructor(parts: ShareStateParts) {
    this.parts = parts;
  }

  /** The topic was deleted, and with it all states. */
  forgetAll(): void {
    this.shards.clear();
  }

  /** Null: no group has the partition. */
  async read(key: ShareKey): Promise<ShareState | null> {
    const shard = await this.shardOf(key);
    return shard.states.get(shareKeyText(key))?.state ?? null;
  }

  /** Sets states from scratch. */
  async begin(initial: readonly InitialState[]): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const { key, stateEpoch, leaderEpoch, startOffset } of initial) {
      const shard = await this.shardOf(key);
      const text = shareKeyText(key);
      const before = shard.states.get(text)?.state;
      const state = ShareState.begin(stateEpoch, leaderEpoch, startOffset, this.parts.nowMs());
      if (before !== undefined) state.snapshotEpoch = before.snapshotEpoch + 1;
      shard.states.set(text, { key, state });
      writes.push(this.append(shard, [snapshotEntry(key, state)]));
    }
    await settleAll(writes);
  }

  /** The state must be there. */
  async write(key: ShareKey, change: StateChange, leaderEpoch: number): Promise<boolean> {
    const shard = await this.shardOf(key);
    const state = shard.states.get(shareKeyText(key))?.state;
    if (state === undefined) return false;
    const update = state.change(change, leaderEpoch, this.parts.updatesPerSnapshot(), this.parts.nowMs());
    if (update === null) {
      state.snapshot();
      await this.append(shard, [snapshotEntry(key, state)]);
    } else {
      const value = encodeStored(shareUpdateValue, 0, update);
      await this.append(shard, [{ key: encodeStored(shareUpdateKey, 0, { ...key }), value }]);
    }
    return true;
  }

  /** Forgets what the state says of offsets from `end` on. */
  async cut(key: ShareKey, end: number, leaderEpoch: number): Promise<void> {
    const shard = await this.shardOf(key);
    const state = shard.states.get(shareKeyText(key))?.state;
    if (state === undefined) return;
    state.cut(end, leaderEpoch, this.parts.nowMs());
    state.snapshot();
    await this.append(shard, [snapshotEntry(key, state)]);
  }

  async forget(keys: readonly ShareKey[]): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const key of keys) {
      const shard = await this.shardOf(key);
      if (!shard.states.delete(shareKeyText(key))) continue;
      writes.push(this.append(shard, [{ key: encodeStored(shareSnapshotKey, 0, { ...key }), value: null }]));
    }
    await settleAll(writes);
  }

  private async shardOf(key: ShareKey): Promise<Shard> {
    const partition = statePartitionOf(key, await this.parts.ensureTopic());
    let shard = this.shards.get(partition);
    if (shard === undefined || shard.log.isLost) {
      shard = this.openShard(partition);
      this.shards.set(partition, shard);
    }
    await shard.ready;
    return shard;
  }

  private openShard(partition: number): Shard {
    const log = this.parts.openLog(partition);
    const states: Shard['states'] = new Map();
    let loadedCount = 0;
    const loading = log.load({
      entry: (key, value) => {
        loadedCount += 1;
        this.replay(states, key, value);
      },
      // State is never written in transactions.
      marker: () => {},
    });
    const ready = loading.then(
      () => {
        shard.recordCount += loadedCount;
      },
      (error: unknown) => {
        if (this.shards.get(partition) === shard) this.shards.delete(partition);
        throw error;
      },
    );
    const shard: Shard = { partition, log, states, ready, recordCount: 0, isPruning: false };
    return shard;
  }

  private append(shard: Shard, entries: readonly StoredEntry[]): Promise<void> {
    shard.recordCount += entries.length;
    const written = shard.log.append(entries);
    const isLong =
      shard.recordCount >= PRUNED_RECORDS_MIN &&
      shard.recordCount >= PRUNED_RECORDS_PER_STATE * shard.states.size &&
      !shard.isPruning;
    if (isLong) void this.prune(shard);
    return written;
  }

  /** Never rejects. A crash in between leaves more than is needed, and nothing less; also where it takes the power along. */
  private async prune(shard: Shard): Promise<void> {
    shard.isPruning = true;
    try {
      const end = this.parts.endOf(shard.partition);
      const snapshots = [...shard.states.values()].map(({ key, state }) => {
        state.snapshot();
        return snapshotEntry(key, state);
      });
      const writes: Promise<void>[] = [];
      for (let at = 0; at < snapshots.length; at += SNAPSHOTS_AT_ONCE) {
        writes.push(shard.log.append(snapshots.slice(at, at + SNAPSHOTS_AT_ONCE)));
      }
      shard.recordCount = snapshots.length;
      await settleAll(writes);
      await this.parts.untilFlushed(shard.partition, this.parts.endOf(shard.partition));
      await this.parts.deleteBefore(shard.partition, end);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.warn(`partition ${shard.partition} of the share groups' state was not made shorter: ${error.message}`);
    } finally {
      shard.isPruning = false;
    }
  }

  private replay(states: Shard['states'], keyBytes: Uint8Array, value: Uint8Array | null): void {
    try {
      const kind = storedKind(keyBytes);
      if (kind === shareSnapshotKey.kind) {
        const key = decodeStored(shareSnapshotKey, keyBytes);
        if (value === null) states.delete(shareKeyText(key));
        else states.set(shareKeyText(key), { key, state: new ShareState(decodeStored(shareSnapshotValue, value)) });
      } else if (kind === shareUpdateKey.kind && value !== null) {
        const known = states.get(shareKeyText(decodeStored(shareUpdateKey, keyBytes)));
        known?.state.replay(decodeStored(shareUpdateValue, value));
      }
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.warn(`a record of the share groups' state was passed over: ${error.message}`);
    }
  }
}

function snapshotEntry(key: ShareKey, state: ShareState): StoredEntry {
  return {
    key: encodeStored(shareSnapshotKey, 0, { ...key }),
    value: encodeStored(shareSnapshotValue, 0, state.asSnapshot()),
  };
}

/** All of them end before the first failure is told, so that none is left alone. */
async function settleAll(writes: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(writes)) if (result.status === 'rejected') throw result.reason;
}
