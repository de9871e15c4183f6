/**
 * Fetch (key 1): record batches from an offset on. Versions 4-18, with and without sessions.
 *
 *   begin ─→ look at the board ─→ nothing, and the client waits ─→ park ─→ woken, or time is up ─→ look again
 *                  │                                                 ↑
 *                  └→ one ReadJob per partition that has bytes ─→ enough? ─no─┘   yes → ready → settle (fetch-answer)
 *
 * The board is looked at first, so that an idle consumer costs no worker anything. Parking watches the partitions and
 * then looks at the board once more, so no wake-up is lost. Reads go out together but never for more than the request's
 * max_bytes in sum; what one read leaves over is given to others in a second round. Only the first partition that has
 * bytes may exceed the limits, by its first batch, so that a large batch cannot block a consumer forever.
 */

import { randomInt } from 'node:crypto';
import { assert } from '../base/assert.ts';
import {
  BEGIN_BROKEN,
  BEGIN_TOO_MANY,
  BEGUN,
  ENTRY_NUMBERS,
  ENTRY_WORDS,
  EXCHANGE_WORKING,
  type Exchange,
} from '../net/exchange.ts';
import type { FrontFace } from '../net/front-face.ts';
import { NO_PARTITION } from '../net/route-table.ts';
import { OPERATION_CLUSTER_ACTION, OPERATION_READ, RESOURCE_CLUSTER, RESOURCE_TOPIC } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { FetchCursor } from '../protocol/fetch-cursor.ts';
import {
  ABORTED_COUNT,
  ABORTED_FIRST_NUMBER,
  BOARD_SLOTS_MAX,
  JOB_LEADER_EPOCH,
  JOB_READ,
  READ_BYTES_MAX,
  READ_DONE_FD,
  READ_DONE_HIGH_NUMBER,
  READ_DONE_LEASE,
  READ_DONE_LENGTH,
  READ_DONE_LOG_START_NUMBER,
  READ_DONE_POSITION_NUMBER,
  READ_DONE_STABLE_NUMBER,
  READ_FLAG_COMMITTED,
  READ_FLAG_FIRST_BATCH_WHOLE,
  READ_FLAG_ZSTD_REFUSED,
  READ_FLAGS,
  READ_OFFSET_NUMBER,
  RECEIPT_ABORTED,
  RECEIPT_ERROR,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import { checks, type GuardedDataApi } from './access.ts';
import { FetchAnswer } from './fetch-answer.ts';
import {
  ENTRY_ABORTED,
  ENTRY_ERROR,
  ENTRY_FD,
  ENTRY_HIGH,
  ENTRY_LEASE,
  ENTRY_LENGTH,
  ENTRY_LOG_START,
  ENTRY_POSITION,
  ENTRY_SEEN_BYTES,
  ENTRY_SEEN_LIMIT,
  ENTRY_SLOT,
  ENTRY_STABLE,
  ENTRY_STATE,
  ENTRY_WORKER,
  FetchPlan,
  STATE_ASKED,
  STATE_DONE,
  STATE_DOUBTFUL,
  STATE_STARVED,
  STATE_WANTED,
} from './fetch-plan.ts';
import { planFetch } from './fetch-request.ts';
import { FetchSessions, NO_SESSION, revived } from './fetch-sessions.ts';

const ZSTD_SINCE = 10;

export class FetchApi implements GuardedDataApi {
  readonly key = 1;
  readonly name = 'Fetch';
  readonly versionMin = 4;
  readonly versionMax = 18;
  readonly access = [
    checks(OPERATION_READ, RESOURCE_TOPIC),
    checks(OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER),
  ] as const;
  private readonly cursor = new FetchCursor();
  private readonly answer = new FetchAnswer();
  private readonly plans: FetchPlan[] = [];
  private sessions: FetchSessions | null = null;

  begin(front: FrontFace, exchange: Exchange): number {
    const cursor = this.cursor;
    const { bytes, view } = front.slab.memory;
    if (!cursor.begin(bytes, view, exchange.bodyAt, exchange.bodyEnd, exchange.version)) return BEGIN_BROKEN;
    if (!cursor.validate() || !isOfOneBroker(cursor)) return BEGIN_BROKEN;
    const plan = this.planOf(exchange);
    planFetch(front, plan, cursor, this.sessionsOf(front), exchange.startedMs);
    if (exchange.meters !== null) {
      plan.bytesMax = Math.min(plan.bytesMax, front.throttle.fetchBytesMax(exchange.meters));
      plan.bytesMin = Math.min(plan.bytesMin, plan.bytesMax);
    }
    // All that is needed is in the plan: a parked fetch holds no receive memory.
    front.dropFrame(exchange);
    if (!exchange.holdEntries(plan.count)) {
      if (plan.session !== null) plan.session.isBusy = false;
      plan.reset();
      return BEGIN_TOO_MANY;
    }
    exchange.entryCount = plan.count;
    for (let index = 0; index < plan.count; index++) exchange.words[index * ENTRY_WORDS + ENTRY_LEASE] = -1;
    exchange.state = EXCHANGE_WORKING;
    if (plan.error !== 0) front.ready(exchange);
    else this.look(front, exchange, plan);
    return BEGUN;
  }

  onReceipt(_front: FrontFace, exchange: Exchange, words: Int32Array, at: number, numbers: Float64Array): void {
    const plan = this.planOf(exchange);
    const entry = words[at + SLOT_ENTRY]!;
    const to = entry * ENTRY_WORDS;
    const from = at >> 1;
    if (words[at + SLOT_KIND] === RECEIPT_ABORTED) {
      const count = words[at + ABORTED_COUNT]!;
      for (let pair = 0; pair < count; pair++) {
        const number = from + ABORTED_FIRST_NUMBER + pair * 2;
        plan.pushAborted(entry, numbers[number]!, numbers[number + 1]!);
      }
      exchange.words[to + ENTRY_ABORTED] = exchange.words[to + ENTRY_ABORTED]! + count;
      return;
    }
    const error = words[at + RECEIPT_ERROR]!;
    const length = words[at + READ_DONE_LENGTH]!;
    exchange.words[to + ENTRY_ERROR] = error;
    exchange.words[to + ENTRY_FD] = words[at + READ_DONE_FD]!;
    exchange.words[to + ENTRY_LENGTH] = length;
    exchange.words[to + ENTRY_LEASE] = length > 0 ? words[at + READ_DONE_LEASE]! : -1;
    // Without bytes although it may have a whole batch, it has none for this client: it is not fed again.
    const isStarved = error === 0 && length === 0 && entry !== plan.wholeEntry;
    exchange.words[to + ENTRY_STATE] = isStarved ? STATE_STARVED : STATE_DONE;
    const toNumber = entry * ENTRY_NUMBERS;
    exchange.numbers[toNumber + ENTRY_POSITION] = numbers[from + READ_DONE_POSITION_NUMBER]!;
    exchange.numbers[toNumber + ENTRY_HIGH] = numbers[from + READ_DONE_HIGH_NUMBER]!;
    exchange.numbers[toNumber + ENTRY_STABLE] = numbers[from + READ_DONE_STABLE_NUMBER]!;
    exchange.numbers[toNumber + ENTRY_LOG_START] = numbers[from + READ_DONE_LOG_START_NUMBER]!;
    plan.takenBytes += length;
    if (error !== 0) plan.hasErrors = true;
  }

  onIdle(front: FrontFace, exchange: Exchange): boolean {
    const plan = this.planOf(exchange);
    if (plan.takenBytes === 0) this.feedStarved(exchange, plan);
    if (!this.ask(front, exchange, plan)) {
      front.again(exchange);
      return false;
    }
    if (exchange.pending > 0) return false;
    // Where no place is left to wait, what was read is better than nothing.
    if (this.isEnough(front, plan) || !front.parked.hasRoom(plan.count)) return true;
    this.release(front, exchange, plan);
    return !this.park(front, exchange, plan);
  }

  onWake(front: FrontFace, exchange: Exchange, isDeadline: boolean): void {
    const plan = this.planOf(exchange);
    if (isDeadline) plan.isLast = true;
    else if (!this.hasMoved(front, exchange, plan)) return;
    front.parked.unpark(exchange.index);
    exchange.isParked = false;
    this.look(front, exchange, plan);
  }

  settle(front: FrontFace, exchange: Exchange): number {
    const plan = this.planOf(exchange);
    if (exchange.meters === null) return this.answer.settle(front, exchange, plan);
    if (exchange.throttleMs < 0) {
      const { meters, busyMs } = exchange;
      exchange.throttleMs = front.throttle.fetched(meters, plan.takenBytes, busyMs, front.nowMs);
    }
    if (exchange.throttleMs === 0) return this.answer.settle(front, exchange, plan);
    // Nothing is told of a session that the client has not heard of yet: it begins one when it comes back.
    const session = plan.isIncremental ? plan.sessionId : NO_SESSION;
    if (plan.session !== null && session === NO_SESSION) this.sessionsOf(front).close(plan.session);
    return this.answer.settleThrottled(front, exchange, plan, session);
  }

  end(front: FrontFace, exchange: Exchange): void {
    const plan = this.planOf(exchange);
    this.release(front, exchange, plan);
    if (plan.session !== null) plan.session.isBusy = false;
    plan.reset();
  }

  // ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** From the board to jobs, to a place among the parked, or straight to the answer. */
  private look(front: FrontFace, exchange: Exchange, plan: FetchPlan): void {
    plan.takenBytes = 0;
    plan.hasErrors = false;
    plan.firstWholeGiven = false;
    plan.wholeEntry = -1;
    plan.abortedCount = 0;
    let toAsk = 0;
    for (let index = 0; index < plan.count; index++) {
      this.lookAt(front, exchange, plan, index);
      const at = index * ENTRY_WORDS;
      if (exchange.words[at + ENTRY_STATE] !== STATE_DONE) toAsk += 1;
      else if (exchange.words[at + ENTRY_ERROR] !== 0) plan.hasErrors = true;
    }
    if (toAsk === 0) {
      if (this.isEnough(front, plan) || !this.park(front, exchange, plan)) front.ready(exchange);
      return;
    }
    if (!this.ask(front, exchange, plan)) front.again(exchange);
    else if (exchange.pending === 0) front.ready(exchange);
  }

  private lookAt(front: FrontFace, exchange: Exchange, plan: FetchPlan, index: number): void {
    const words = exchange.words;
    const at = index * ENTRY_WORDS;
    words[at + ENTRY_ERROR] = 0;
    words[at + ENTRY_LENGTH] = 0;
    words[at + ENTRY_ABORTED] = 0;
    words[at + ENTRY_STATE] = STATE_DONE;
    const slot = this.slotOf(front, plan, index);
    words[at + ENTRY_SLOT] = slot;
    const numberAt = index * ENTRY_NUMBERS;
    const denial = front.access.isOn ? this.denialOf(front, exchange, plan, index, slot) : 0;
    if (slot < 0 || denial !== 0) {
      words[at + ENTRY_ERROR] = denial !== 0 ? denial : errorOfNoSlot(plan, slot);
      clearNumbers(exchange.numbers, numberAt);
      return;
    }
    const entry = plan.entryAt(index);
    words[at + ENTRY_WORKER] = entry.topic.workers[entry.partition]!;
    const board = front.board;
    // The bytes first: what arrives during the look counts as gained, once more at worst. The rest against the order in which
    // the worker writes it.
    const bytes = board.bytes(slot);
    const epoch = board.epoch(slot);
    const stable = board.stable(slot);
    const high = board.high(slot);
    const start = board.logStart(slot);
    const end = board.end(slot);
    const limit = plan.isCommitted ? stable : high;
    // What is counted there already and may not be shown yet, since it waits for a flush, counts for enough when it may.
    exchange.numbers[numberAt + ENTRY_SEEN_BYTES] = end > high ? Number.NEGATIVE_INFINITY : bytes;
    exchange.numbers[numberAt + ENTRY_SEEN_LIMIT] = limit;
    exchange.numbers[numberAt + ENTRY_HIGH] = high;
    exchange.numbers[numberAt + ENTRY_STABLE] = Math.min(stable, high);
    exchange.numbers[numberAt + ENTRY_LOG_START] = start;
    const isOtherEpoch = entry.leaderEpoch >= 0 && entry.leaderEpoch !== epoch;
    if (epoch < 0 || isOtherEpoch || entry.fetchOffset < start || entry.fetchOffset > end)
      words[at + ENTRY_STATE] = STATE_DOUBTFUL;
    else if (entry.fetchOffset < limit) words[at + ENTRY_STATE] = STATE_WANTED;
  }

  /** Only where somebody decides. What has an id and is not there is said to everybody. */
  private denialOf(front: FrontFace, exchange: Exchange, plan: FetchPlan, index: number, slot: number): number {
    const { connection } = exchange;
    if (connection === null) return 0;
    const { access } = front;
    if (slot === NO_TOPIC && plan.usesIds) return 0;
    const { topic } = plan.entryAt(index);
    const isAllowed = plan.isFromBroker
      ? access.mayCluster(connection, OPERATION_CLUSTER_ACTION, this.name, false)
      : access.mayTopic(connection, OPERATION_READ, topic, this.name);
    return isAllowed ? 0 : errorCode.TOPIC_AUTHORIZATION_FAILED;
  }

  /** The partition's slot, or why it has none. A topic that was deleted may be back. */
  private slotOf(front: FrontFace, plan: FetchPlan, index: number): number {
    const entry = plan.entryAt(index);
    if (!entry.topic.isLive) {
      const topic = revived(front.routes, entry.topic, plan.usesIds);
      if (topic === null) return NO_TOPIC;
      if (plan.session === null) entry.topic = topic;
      else plan.session.retarget(entry, topic);
    }
    return entry.topic.slotOf(entry.partition);
  }

  /** False: a lane is full, and not everything is asked. */
  private ask(front: FrontFace, exchange: Exchange, plan: FetchPlan): boolean {
    let left = plan.bytesMax - plan.takenBytes;
    for (let order = 0; order < plan.count; order++) {
      const index = plan.indexAt(order);
      const state = exchange.words[index * ENTRY_WORDS + ENTRY_STATE]!;
      if (state === STATE_ASKED) left -= exchange.words[index * ENTRY_WORDS + ENTRY_LENGTH]!;
      if (state === STATE_DOUBTFUL) {
        if (!this.askOne(front, exchange, plan, index, 0, false)) return false;
      } else if (state === STATE_WANTED) {
        const isFirst = !plan.firstWholeGiven;
        if (left <= 0 && !isFirst) continue;
        const bytes = Math.max(0, Math.min(plan.entryAt(index).bytesMax, left));
        if (!this.askOne(front, exchange, plan, index, bytes, isFirst)) return false;
        if (isFirst) plan.wholeEntry = index;
        plan.firstWholeGiven = true;
        left -= bytes;
      }
    }
    return true;
  }

  private askOne(
    front: FrontFace,
    exchange: Exchange,
    plan: FetchPlan,
    index: number,
    bytes: number,
    isWhole: boolean,
  ): boolean {
    const at = index * ENTRY_WORDS;
    const worker = exchange.words[at + ENTRY_WORKER]!;
    const slot = front.lanes.claim(worker);
    if (slot < 0) return false;
    const { words, numbers } = front.lanes.laneOf(worker).outgoing;
    const to = slot * SLOT_WORDS;
    let flags = plan.isCommitted ? READ_FLAG_COMMITTED : 0;
    if (isWhole) flags |= READ_FLAG_FIRST_BATCH_WHOLE;
    if (exchange.version < ZSTD_SINCE) flags |= READ_FLAG_ZSTD_REFUSED;
    words[to + SLOT_KIND] = JOB_READ;
    words[to + SLOT_EXCHANGE] = exchange.index;
    words[to + SLOT_ENTRY] = index;
    words[to + SLOT_PARTITION] = exchange.words[at + ENTRY_SLOT]!;
    words[to + READ_BYTES_MAX] = bytes;
    words[to + READ_FLAGS] = flags;
    words[to + JOB_LEADER_EPOCH] = plan.entryAt(index).leaderEpoch;
    numbers[(to >> 1) + READ_OFFSET_NUMBER] = plan.entryAt(index).fetchOffset;
    exchange.words[at + ENTRY_STATE] = STATE_ASKED;
    // Until the receipt: what was promised to this partition.
    exchange.words[at + ENTRY_LENGTH] = bytes;
    exchange.pending += 1;
    return true;
  }

  /** The one that might exceed the limits had nothing after all: the next one may. */
  private feedStarved(exchange: Exchange, plan: FetchPlan): void {
    for (let order = 0; order < plan.count; order++) {
      const index = plan.indexAt(order);
      const at = index * ENTRY_WORDS;
      if (exchange.words[at + ENTRY_STATE] !== STATE_STARVED) continue;
      const high = plan.isCommitted ? ENTRY_STABLE : ENTRY_HIGH;
      const limit = exchange.numbers[index * ENTRY_NUMBERS + high]!;
      exchange.words[at + ENTRY_STATE] = STATE_DONE;
      if (plan.entryAt(index).fetchOffset >= limit) continue;
      exchange.words[at + ENTRY_STATE] = STATE_WANTED;
      plan.firstWholeGiven = false;
      return;
    }
  }

  // ── waiting ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private isEnough(front: FrontFace, plan: FetchPlan): boolean {
    if (plan.isLast || plan.hasErrors || plan.count === 0) return true;
    return plan.takenBytes >= plan.bytesMin || front.nowMs >= plan.deadlineMs;
  }

  /** False: it has to be answered as it is. */
  private park(front: FrontFace, exchange: Exchange, plan: FetchPlan): boolean {
    const parked = front.parked;
    if (!parked.hasRoom(plan.count)) return false;
    exchange.isParked = true;
    for (let index = 0; index < plan.count; index++) {
      parked.watch(exchange.index, exchange.words[index * ENTRY_WORDS + ENTRY_SLOT]!);
    }
    parked.arm(exchange.index, plan.deadlineMs);
    // What moved between the look and the watch rang no bell.
    if (this.hasMoved(front, exchange, plan)) parked.wakeOne(exchange.index);
    return true;
  }

  /** Enough may be there now. Cheap to ask and never wrong when it says no. */
  private hasMoved(front: FrontFace, exchange: Exchange, plan: FetchPlan): boolean {
    const board = front.board;
    let gained = 0;
    for (let index = 0; index < plan.count; index++) {
      const slot = exchange.words[index * ENTRY_WORDS + ENTRY_SLOT]!;
      const entry = plan.entryAt(index);
      if (!entry.topic.isLive || entry.topic.slotOf(entry.partition) !== slot) return true;
      const epoch = board.epoch(slot);
      if (epoch < 0 || (entry.leaderEpoch >= 0 && entry.leaderEpoch !== epoch)) return true;
      const limit = plan.isCommitted ? board.stable(slot) : board.high(slot);
      if (entry.fetchOffset < board.logStart(slot) || entry.fetchOffset > board.end(slot)) return true;
      const numberAt = index * ENTRY_NUMBERS;
      if (limit <= exchange.numbers[numberAt + ENTRY_SEEN_LIMIT]!) continue;
      // A commit makes bytes readable that were counted before it.
      if (plan.isCommitted || plan.bytesMin <= 1) return true;
      gained += board.bytes(slot) - exchange.numbers[numberAt + ENTRY_SEEN_BYTES]!;
    }
    return gained > 0 && plan.takenBytes + gained >= plan.bytesMin;
  }

  private release(front: FrontFace, exchange: Exchange, plan: FetchPlan): void {
    assert(exchange.pending === 0, 'leases are given back when all of them are known');
    for (let index = 0; index < plan.count; index++) {
      const at = index * ENTRY_WORDS;
      const lease = exchange.words[at + ENTRY_LEASE]!;
      if (lease < 0) continue;
      front.lanes.release(exchange.words[at + ENTRY_WORKER]!, lease, exchange.words[at + ENTRY_SLOT]!);
      exchange.words[at + ENTRY_LEASE] = -1;
    }
  }

  private planOf(exchange: Exchange): FetchPlan {
    while (this.plans.length <= exchange.index) this.plans.push(new FetchPlan());
    return this.plans[exchange.index]!;
  }

  private sessionsOf(front: FrontFace): FetchSessions {
    if (this.sessions === null) {
      const { fetchSessionsMax, fetchSessionIdleMs } = front.limits;
      this.sessions = new FetchSessions(fetchSessionsMax, fetchSessionIdleMs, randomInt, front.fronts, front.index);
    }
    return this.sessions;
  }
}

const NO_TOPIC = -3;

/** No more topics and partitions than a broker can have. */
function isOfOneBroker({
  topicCount,
  partitionTotal,
  forgottenTopicCount,
  forgottenPartitionTotal,
}: FetchCursor): boolean {
  const most = Math.max(topicCount, partitionTotal, forgottenTopicCount, forgottenPartitionTotal);
  return most <= BOARD_SLOTS_MAX;
}

function errorOfNoSlot(plan: FetchPlan, slot: number): number {
  if (slot === NO_TOPIC) return plan.usesIds ? errorCode.UNKNOWN_TOPIC_ID : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
  return slot === NO_PARTITION ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.NOT_LEADER_OR_FOLLOWER;
}

function clearNumbers(numbers: Float64Array, at: number): void {
  numbers[at + ENTRY_HIGH] = -1;
  numbers[at + ENTRY_STABLE] = -1;
  numbers[at + ENTRY_LOG_START] = -1;
}
