/**
 * Keeps the states of share partitions in `__share_group_state`: the share coordinator. Each partition of that topic is
 * read when it is needed for the first time, and whoever changes a state is answered when the change is written.
 *
 * A change is an update behind the last snapshot of its state, until there are enough of them for a new snapshot. When a
 * write fails, what memory says is no longer what the log says: the partition's states are dropped and read anew.
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
  readonly openLog: (partition: number) => Pick<CoordinatorLog, 'isLost' | 'load' | 'append'>;
  /** Read at every use. */
  readonly updatesPerSnapshot: () => number;
  readonly nowMs: () => number;
  readonly warn: (message: string) => void;
}

export interface InitialState {
  readonly key: ShareKey;
  readonly stateEpoch: number;
  readonly startOffset: number;
}

interface Shard {
  readonly log: Pick<CoordinatorLog, 'isLost' | 'load' | 'append'>;
  readonly states: Map<string, ShareState>;
  readonly ready: Promise<void>;
}

export class ShareStateStore {
  private readonly parts: ShareStateParts;
  private readonly shards = new Map<number, Shard>();

  constructor(parts: ShareStateParts) {
    this.parts = parts;
  }

  /** Null: no group has the partition. */
  async read(key: ShareKey): Promise<ShareState | null> {
    const shard = await this.shardOf(key);
    return shard.states.get(shareKeyText(key)) ?? null;
  }

  /** Sets states from scratch. */
  async begin(initial: readonly InitialState[]): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const { key, stateEpoch, startOffset } of initial) {
      const shard = await this.shardOf(key);
      const text = shareKeyText(key);
      const before = shard.states.get(text);
      const state = ShareState.begin(stateEpoch, startOffset, this.parts.nowMs());
      if (before !== undefined) {
        state.snapshotEpoch = before.snapshotEpoch + 1;
        state.leaderEpoch = before.leaderEpoch;
      }
      shard.states.set(text, state);
      writes.push(shard.log.append([snapshotEntry(key, state)]));
    }
    await settleAll(writes);
  }

  /** The state must be there. */
  async write(key: ShareKey, change: StateChange, leaderEpoch: number): Promise<boolean> {
    const shard = await this.shardOf(key);
    const state = shard.states.get(shareKeyText(key));
    if (state === undefined) return false;
    const update = state.change(change, leaderEpoch, this.parts.updatesPerSnapshot(), this.parts.nowMs());
    if (update === null) {
      state.snapshot();
      await shard.log.append([snapshotEntry(key, state)]);
    } else {
      const value = encodeStored(shareUpdateValue, 0, update);
      await shard.log.append([{ key: encodeStored(shareUpdateKey, 0, { ...key }), value }]);
    }
    return true;
  }

  async forget(keys: readonly ShareKey[]): Promise<void> {
    const writes: Promise<void>[] = [];
    for (const key of keys) {
      const shard = await this.shardOf(key);
      if (!shard.states.delete(shareKeyText(key))) continue;
      writes.push(shard.log.append([{ key: encodeStored(shareSnapshotKey, 0, { ...key }), value: null }]));
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
    const states = new Map<string, ShareState>();
    const ready = log.load({
      entry: (key, value) => this.replay(states, key, value),
      // State is never written in transactions.
      marker: () => {},
    });
    ready.catch(() => {
      if (this.shards.get(partition)?.log === log) this.shards.delete(partition);
    });
    return { log, states, ready };
  }

  private replay(states: Map<string, ShareState>, key: Uint8Array, value: Uint8Array | null): void {
    try {
      if (storedKind(key) === shareSnapshotKey.kind) {
        const text = shareKeyText(decodeStored(shareSnapshotKey, key));
        if (value === null) states.delete(text);
        else states.set(text, new ShareState(decodeStored(shareSnapshotValue, value)));
      } else if (storedKind(key) === shareUpdateKey.kind && value !== null) {
        states.get(shareKeyText(decodeStored(shareUpdateKey, key)))?.replay(decodeStored(shareUpdateValue, value));
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
