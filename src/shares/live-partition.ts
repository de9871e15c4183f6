/**
 * A share partition in use: the state machine together with its log, its stored state and its timer. Opened when a member
 * fetches from it for the first time, dropped with the last session of its group, or when its state could not be written
 * (`isGone`): then whoever comes next opens it anew from what was written.
 *
 * A change is in memory at once and answered when it is stored. Only one fetch at a time reads for acquiring, so that
 * two do not read the same bytes in vain.
 */
import type { Alarm, Alarms } from '../base/alarms.ts';
import { Fault, isFault } from '../base/fault.ts';
import { errorCode } from '../protocol/errors.ts';
import type { PartitionPort, PortPlace } from '../workers/partition-port.ts';
import type { ShareKey } from './share-key.ts';
import { shareKeyText } from './share-key.ts';
import { SharePartition } from './share-partition.ts';
import type { ShareSettings, ShareSettingsOf } from './share-settings.ts';
import { type ShareState, START_UNKNOWN } from './share-state.ts';
import type { ShareStateStore } from './share-state-store.ts';

export interface LivePartitionParts {
  readonly store: ShareStateStore;
  readonly port: Pick<PartitionPort, 'read' | 'findOffset' | 'findEpochEnd' | 'watch' | 'board'>;
  readonly placeOf: (topicId: string, partition: number) => PortPlace | null;
  readonly settingsOf: ShareSettingsOf;
  /** Null: it is not written that the group has begun with the partition, or nobody can tell now. */
  readonly groupEpochOf: (key: ShareKey) => Promise<number | null>;
  readonly alarms: Alarms;
  readonly warn: (message: string) => void;
}

export type Opened =
  | { readonly kind: 'live'; readonly live: LivePartition }
  | { readonly kind: 'refused'; readonly error: number };

export class LivePartition {
  readonly key: ShareKey;
  readonly place: PortPlace;
  readonly machine: SharePartition;
  isGone = false;
  /** A fetch reads for acquiring. */
  isReading = false;
  private readonly parts: LivePartitionParts;
  private readonly waiting = new Set<() => void>();
  private alarm: Alarm | null = null;
  private alarmMs = Number.POSITIVE_INFINITY;
  /** The latest write. It says where the start is, whichever change moved it there. */
  private written: Promise<void> = Promise.resolve();
  private readonly unwatch: () => void;

  private constructor(parts: LivePartitionParts, key: ShareKey, place: PortPlace, machine: SharePartition) {
    this.parts = parts;
    this.key = key;
    this.place = place;
    this.machine = machine;
    this.unwatch = parts.port.watch(place.slot, () => this.wake());
  }

  static async open(parts: LivePartitionParts, key: ShareKey): Promise<Opened> {
    const groupEpoch = await parts.groupEpochOf(key);
    const state = groupEpoch === null ? null : await parts.store.read(key);
    const place = parts.placeOf(key.topicId, key.partition);
    if (place === null) return { kind: 'refused', error: errorCode.UNKNOWN_TOPIC_OR_PARTITION };
    // A log that could not be opened has lost nothing yet: the next start may find all of it.
    if (parts.port.board.epoch(place.slot) < 0) return { kind: 'refused', error: errorCode.NOT_LEADER_OR_FOLLOWER };
    // Nobody was told to fetch this, and the group may yet begin with it: all that is done with by then would come again.
    // Kafka has no better code for that either.
    if (groupEpoch === null) return { kind: 'refused', error: errorCode.UNKNOWN_SERVER_ERROR };
    if (state === null) return await beginAgain(parts, key, place, groupEpoch);
    const end = await endKnownTo(parts, state, place);
    if (state.knownEnd > end) {
      // The log lost its tail (a power cut without flushes): what comes next has offsets that were done with.
      await parts.store.cut(key, end, epochOf(parts, place));
      return await LivePartition.open(parts, key);
    }
    const isNew = state.startOffset === START_UNKNOWN;
    const start = isNew ? await firstOffset(parts, key, place) : state.startOffset;
    const machine = new SharePartition(start, isNew ? [] : state.stateBatches);
    const live = new LivePartition(parts, key, place, machine);
    machine.moveStart(parts.port.board.logStart(place.slot));
    // Where "latest" was must not depend on when the broker is started again.
    if (isNew) await live.write({ startOffset: machine.startOffset, deliveryCompleteCount: 0, stateBatches: [] });
    return { kind: 'live', live };
  }

  get settings(): ShareSettings {
    return this.parts.settingsOf(this.key.groupId);
  }

  /** Where readers of this group must stop. */
  get readableEnd(): number {
    const { board } = this.parts.port;
    return this.settings.isCommitted ? board.stable(this.place.slot) : board.high(this.place.slot);
  }

  /** `listener` is called when there may be something to acquire; it must not throw. */
  wait(listener: () => void): void {
    this.waiting.add(listener);
  }

  unwait(listener: () => void): void {
    this.waiting.delete(listener);
  }

  wake(except: (() => void) | null = null): void {
    for (const listener of [...this.waiting]) if (listener !== except) listener();
  }

  /** After every change of the machine: resolves when it is stored. Throws Fault when that failed; then this is gone. */
  async store(): Promise<void> {
    const change = this.machine.takeChanges();
    this.arm();
    if (change === null) return;
    this.wake();
    this.written = this.write(change);
    await this.written;
  }

  /** The same, when what was changed before is stored too: an answer may rest on that alone (records before the start). */
  async storeAll(): Promise<void> {
    await Promise.all([this.store(), this.written]);
  }

  end(): void {
    this.isGone = true;
    this.alarm?.cancel();
    this.unwatch();
    this.wake();
  }

  private async write(change: Parameters<ShareStateStore['write']>[1]): Promise<void> {
    try {
      if (await this.parts.store.write(this.key, change, epochOf(this.parts, this.place))) return;
    } catch (error) {
      this.end();
      throw error;
    }
    this.end();
    throw new Fault('PB_LOG_LOST', `the group has given up ${shareKeyText(this.key)}`);
  }

  /** One alarm for the lock that ends first; one set too early does no harm. */
  private arm(): void {
    const dueMs = this.machine.nextDueMs;
    if (dueMs >= this.alarmMs || this.isGone) return;
    this.alarm?.cancel();
    this.alarmMs = dueMs;
    this.alarm = this.parts.alarms.set(dueMs, () => this.ring());
  }

  private ring(): void {
    this.alarm = null;
    this.alarmMs = Number.POSITIVE_INFINITY;
    this.machine.expire(this.settings, this.parts.alarms.nowMs());
    this.store().catch((error: unknown) => {
      if (!isFault(error)) throw error;
      this.parts.warn(`locks of ${shareKeyText(this.key)} ran out, which could not be stored: ${error.message}`);
    });
  }
}

/** A loss of power may take the state of a partition, and leave with the group that it has begun with it. */
async function beginAgain(
  parts: LivePartitionParts,
  key: ShareKey,
  place: PortPlace,
  stateEpoch: number,
): Promise<Opened> {
  parts.warn(`what the group had done with of ${shareKeyText(key)} is lost, and it begins anew`);
  await parts.store.begin([{ key, stateEpoch, leaderEpoch: epochOf(parts, place), startOffset: START_UNKNOWN }]);
  return await LivePartition.open(parts, key);
}

function epochOf({ port }: LivePartitionParts, { slot }: PortPlace): number {
  return Math.max(0, port.board.epoch(slot));
}

/** The end of what the log has of the time when the state was written. Its records may be gone, and others in their place. */
async function endKnownTo(parts: LivePartitionParts, { leaderEpoch }: ShareState, place: PortPlace): Promise<number> {
  const { port } = parts;
  if (leaderEpoch >= epochOf(parts, place)) return port.board.end(place.slot);
  const { error, endOffset } = await port.findEpochEnd(place, leaderEpoch);
  if (error !== errorCode.NONE) throw new Fault('PB_LOG_LOST', 'the partition is not there any more');
  return endOffset < 0 ? port.board.end(place.slot) : endOffset;
}

async function firstOffset(parts: LivePartitionParts, key: ShareKey, place: PortPlace): Promise<number> {
  const { board } = parts.port;
  const { reset } = parts.settingsOf(key.groupId);
  if (reset.kind === 'earliest') return board.logStart(place.slot);
  if (reset.kind === 'latest') return board.high(place.slot);
  const fromMs = Math.max(0, Math.floor(parts.alarms.nowMs()) - reset.durationMs);
  const found = await parts.port.findOffset(place, fromMs, { isCommitted: false });
  if (found.error !== errorCode.NONE)
    throw new Fault('PB_DISK_ERROR', `${shareKeyText(key)} cannot be searched by time`);
  return found.offset < 0 ? board.high(place.slot) : found.offset;
}
