/**
 * Gives records of shared partitions to members, and takes back what became of them. A fetch that finds nothing waits:
 * for records, for something that is released, for a lock that runs out, or for the end of its patience.
 *
 *     look (the board says where logs end) → read → acquire → answer
 *      ▲                                                │ nothing
 *      └───────── woken, or out of time ◀── wait ◀──────┘
 *
 * Bytes are bounded: by what one answer may hold, and by what all of them may hold that are being made or wait for slow
 * readers. Waiting fetches are bounded by the connections there are: each has at most one.
 */
import type { Alarm, Alarms } from '../base/alarms.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import { errorCode } from '../protocol/errors.ts';
import type { PartitionPort, PortRead } from '../workers/partition-port.ts';
import type { LivePartition } from './live-partition.ts';
import type { LivePartitions } from './live-partitions.ts';
import { batchesOf, bytesOfAcquired } from './log-batches.ts';
import type { ShareKey } from './share-key.ts';
import { shareKeyText } from './share-key.ts';
import type { Acknowledgement, AcknowledgeProblem, AcquiredRange } from './share-partition.ts';

export interface ShareDeliveryParts {
  readonly partitions: Pick<LivePartitions, 'open' | 'find' | 'of'>;
  readonly port: Pick<PartitionPort, 'read' | 'board'>;
  readonly alarms: Alarms;
  /** Bytes of answers that wait for room on their way to clients. */
  readonly backlogBytes: () => number;
  readonly log: Logger;
}

export interface FetchWish {
  readonly memberId: string;
  readonly keys: readonly ShareKey[];
  readonly recordsMax: number;
  readonly rangeRecords: number;
  readonly isExact: boolean;
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly waitMs: number;
  /** The session has ended: nobody reads the answer. */
  readonly isOver: () => boolean;
}

export interface Delivered {
  readonly key: ShareKey;
  readonly error: number;
  readonly message: string | null;
  readonly bytes: Uint8Array;
  readonly ranges: readonly AcquiredRange[];
}

export interface Acknowledged {
  readonly error: number;
  readonly message: string | null;
}

/** One answer holds no more, except where a single batch is larger; more comes with the next. Answers lie in main's memory. */
const ANSWER_BYTES_MAX = 1 << 20;
/** Of all answers that are being made, or wait for room on their way. */
const ALL_ANSWERS_BYTES_MAX = 32 << 20;
/** Nobody announces that there is room again. */
const CROWDED_RETRY_MS = 50;
/** Reads that find nothing but markers and aborted records go on at once, but not for ever. */
const LOOKS_MAX = 64;
const LOG_PERIOD_MS = 10_000;
const NO_BYTES = new Uint8Array(0);
const DONE: Acknowledged = { error: errorCode.NONE, message: null };

interface Look {
  readonly live: LivePartition;
  readonly fromOffset: number;
  readonly read: PortRead;
}

export class ShareDelivery {
  private readonly parts: ShareDeliveryParts;
  /** Members try again at once. */
  private readonly log: RateLimitedLog;
  /** Of looks that are under way. */
  private bytesLooked = 0;

  constructor(parts: ShareDeliveryParts) {
    this.parts = parts;
    this.log = new RateLimitedLog(parts.log, { nowMs: () => parts.alarms.nowMs() }, LOG_PERIOD_MS);
  }

  /** What was acquired, and what could not be; empty when time ran out. */
  async fetch(wish: FetchWish): Promise<Delivered[]> {
    const { live, refused } = await this.openAll(wish.keys);
    if (refused.length > 0 || live.length === 0) {
      const delivered = live.length === 0 ? [] : await this.attempt(live, wish, true, null);
      return [...refused, ...delivered];
    }
    const deadlineMs = this.parts.alarms.nowMs() + wish.waitMs;
    const patience = new Patience(this.parts.alarms, deadlineMs);
    for (const one of live) one.wait(patience.wake);
    try {
      for (let looks = 1; ; looks++) {
        patience.rest();
        const isLast = this.parts.alarms.nowMs() >= deadlineMs || looks >= LOOKS_MAX;
        const delivered = await this.attempt(live, wish, isLast, patience.wake);
        // Asked after every look: what ended before this fetch waited will not wake it.
        const isInVain = wish.isOver() || live.some(({ isGone }) => isGone);
        if (delivered.length > 0 || isLast || isInVain) return delivered;
        if (this.isCrowded) patience.wakeAt(this.parts.alarms.nowMs() + CROWDED_RETRY_MS);
        await patience.untilWoken();
      }
    } finally {
      patience.end();
      for (const one of live) one.unwait(patience.wake);
    }
  }

  /** Resolves when the new state is stored. */
  async acknowledge(key: ShareKey, memberId: string, batches: readonly Acknowledgement[]): Promise<Acknowledged> {
    const live = this.parts.partitions.find(key);
    if (live === null) return { error: errorCode.UNKNOWN_TOPIC_OR_PARTITION, message: null };
    const { settings } = live;
    const problem = live.machine.acknowledge(memberId, batches, settings, this.parts.alarms.nowMs());
    if (problem !== null) return PROBLEMS[problem];
    return await this.stored(live, live.storeAll());
  }

  /** The member has gone: what it holds is free again, and a fetch of its that waits looks up. Never rejects. */
  async release(groupId: string, memberId: string): Promise<void> {
    const stores: Promise<Acknowledged>[] = [];
    for (const live of this.parts.partitions.of(groupId)) {
      live.machine.release(memberId, live.settings);
      stores.push(this.stored(live, live.store()));
      live.wake();
    }
    await Promise.all(stores);
  }

  private get isCrowded(): boolean {
    return this.bytesLooked + this.parts.backlogBytes() > ALL_ANSWERS_BYTES_MAX;
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async openAll(keys: readonly ShareKey[]): Promise<{ live: LivePartition[]; refused: Delivered[] }> {
    const live: LivePartition[] = [];
    const refused: Delivered[] = [];
    const opened = await Promise.allSettled(keys.map((key) => this.parts.partitions.open(key)));
    for (const [index, outcome] of opened.entries()) {
      const key = keys[index]!;
      if (outcome.status === 'rejected') {
        if (!isFault(outcome.reason)) throw outcome.reason;
        this.log.say('open', 'warn', `${shareKeyText(key)} cannot be shared now: ${outcome.reason.message}`);
        refused.push(failed(key, errorCode.COORDINATOR_NOT_AVAILABLE, outcome.reason.message));
      } else if (outcome.value.kind === 'refused') {
        refused.push(failed(key, outcome.value.error, null));
      } else live.push(outcome.value.live);
    }
    return { live, refused };
  }

  /** One look at all partitions. `isLast`: whatever there is goes out, however little. */
  private async attempt(
    partitions: readonly LivePartition[],
    wish: FetchWish,
    isLast: boolean,
    own: (() => void) | null,
  ): Promise<Delivered[]> {
    if (this.isCrowded) return [];
    const looking = partitions.filter((live) => mayHave(live));
    const bytesMax = looking.length === 0 ? 0 : Math.min(wish.bytesMax, ANSWER_BYTES_MAX);
    this.bytesLooked += bytesMax;
    for (const live of looking) live.isReading = true;
    try {
      const { looks, failures } = await this.readAll(looking, wish);
      const bytes = looks.reduce((sum, look) => sum + look.read.bytes.length, 0);
      if (failures.length === 0 && bytes < wish.bytesMin && !isLast) return [];
      if (wish.isOver()) return [];
      return [...failures, ...(await this.acquireAll(looks, wish))];
    } finally {
      this.bytesLooked -= bytesMax;
      for (const live of looking) live.isReading = false;
      // Others may have been turned away meanwhile.
      for (const live of looking) if (mayHave(live)) live.wake(own);
    }
  }

  private async readAll(
    partitions: readonly LivePartition[],
    wish: FetchWish,
  ): Promise<{ looks: Look[]; failures: Delivered[] }> {
    const looks: Look[] = [];
    const failures: Delivered[] = [];
    let left = Math.min(wish.bytesMax, ANSWER_BYTES_MAX);
    for (const live of partitions) {
      if (left <= 0) break;
      live.machine.moveStart(this.parts.port.board.logStart(live.place.slot));
      const fromOffset = live.machine.nextOffset;
      const read = await this.parts.port.read(live.place, fromOffset, left, {
        isCommitted: live.settings.isCommitted,
        isFirstBatchCut: looks.length > 0,
      });
      if (live.isGone) continue;
      if (read.error === errorCode.OFFSET_OUT_OF_RANGE) live.machine.moveStart(read.start);
      else if (read.error !== errorCode.NONE) failures.push(failed(live.key, read.error, null));
      if (read.bytes.length === 0) continue;
      left -= read.bytes.length;
      looks.push({ live, fromOffset, read });
    }
    return { looks, failures };
  }

  private async acquireAll(looks: readonly Look[], wish: FetchWish): Promise<Delivered[]> {
    const delivered: Delivered[] = [];
    let recordsLeft = wish.recordsMax;
    for (const { live, fromOffset, read } of looks) {
      if (recordsLeft <= 0 || wish.isOver()) break;
      if (live.isGone) continue;
      const { settings, machine } = live;
      const batches = batchesOf(read.bytes, settings.isCommitted ? read.aborted : []);
      const ranges = machine.acquire(
        {
          memberId: wish.memberId,
          batches,
          fromOffset,
          recordsMax: recordsLeft,
          rangeRecords: wish.rangeRecords,
          isExact: wish.isExact,
        },
        settings,
        this.parts.alarms.nowMs(),
      );
      const stored = await this.stored(live, live.store());
      if (ranges.length === 0) continue;
      if (stored.error !== errorCode.NONE) {
        delivered.push(failed(live.key, stored.error, stored.message));
        continue;
      }
      for (const { firstOffset, lastOffset } of ranges) recordsLeft -= lastOffset - firstOffset + 1;
      const bytes = bytesOfAcquired(read.bytes, batches, ranges);
      delivered.push({ key: live.key, error: errorCode.NONE, message: null, bytes, ranges });
    }
    return delivered;
  }

  private async stored(live: LivePartition, storing: Promise<void>): Promise<Acknowledged> {
    try {
      await storing;
      return DONE;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.log.say('store', 'warn', `the state of ${shareKeyText(live.key)} could not be stored: ${error.message}`);
      return refusal(errorCode.COORDINATOR_NOT_AVAILABLE, error.message);
    }
  }
}

/** Whether a look may find something: nobody else looks, there is room, and the log goes on. */
function mayHave(live: LivePartition): boolean {
  if (live.isReading || live.isGone || !live.machine.canAcquire(live.settings.locksMax)) return false;
  return live.machine.nextOffset < live.readableEnd;
}

function failed(key: ShareKey, error: number, message: string | null): Delivered {
  return { key, error, message, bytes: NO_BYTES, ranges: [] };
}

function refusal(error: number, message: string): Acknowledged {
  return { error, message };
}

const PROBLEMS: { readonly [P in AcknowledgeProblem]: Acknowledged } = {
  'not-found': refusal(errorCode.INVALID_RECORD_STATE, 'some of these records were not handed out'),
  'before-acquired': refusal(
    errorCode.INVALID_REQUEST,
    'the first of these records lies behind all that were handed out',
  ),
  'beyond-acquired': refusal(
    errorCode.INVALID_REQUEST,
    'the last of these records lies behind all that were handed out',
  ),
  'not-acquired': refusal(errorCode.INVALID_RECORD_STATE, 'some of these records are not acquired any more'),
  'not-owner': refusal(errorCode.INVALID_RECORD_STATE, 'some of these records are acquired by another member'),
};

/** A fetch that waits: woken by any of its partitions, or by its deadline. A wake-up before the wait is not lost. */
class Patience {
  readonly wake: () => void;
  private readonly alarms: Alarms;
  private readonly alarm: Alarm;
  private extra: Alarm | null = null;
  private isWoken = false;
  private go: (() => void) | null = null;

  constructor(alarms: Alarms, deadlineMs: number) {
    this.wake = () => {
      this.isWoken = true;
      this.go?.();
    };
    this.alarms = alarms;
    this.alarm = alarms.set(deadlineMs, this.wake);
  }

  /** Not later than then. */
  wakeAt(dueMs: number): void {
    this.extra?.cancel();
    this.extra = this.alarms.set(dueMs, this.wake);
  }

  /** Forgets wake-ups that came before the look which begins now. */
  rest(): void {
    this.isWoken = false;
  }

  async untilWoken(): Promise<void> {
    if (this.isWoken) return;
    await new Promise<void>((resolve) => {
      this.go = resolve;
    });
    this.go = null;
  }

  end(): void {
    this.alarm.cancel();
    this.extra?.cancel();
  }
}
