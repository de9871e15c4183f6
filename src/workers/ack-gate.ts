/**
 * The ack gate: append receipts that may not go out yet, because their batch is written but the log's high watermark has
 * not passed it (a flush is still under way; later: replicas have not fetched it). One gate a worker.
 *
 * Held receipts form one queue per partition in offset order, linked through pooled indices: since a high watermark
 * only moves forward, opening a gate is walking its queue from the front.
 *
 *   head[partition] ──> held ──> held ──> held <── tail[partition]        needed offset grows along the queue
 */
import { assert } from '../base/assert.ts';
import {
  APPENDED_BASE_OFFSET_NUMBER,
  APPENDED_DONE_NUMBER,
  APPENDED_LOG_START_NUMBER,
  APPENDED_REASON,
  APPENDED_RECORD_INDEX,
  APPENDED_TIME_NUMBER,
  RECEIPT_APPEND,
} from '../zerocopy/layout.ts';
import type { AppendStages } from './append-stages.ts';
import type { Receipts } from './receipts.ts';

const NONE = -1;
const HELD_START = 256;

export class AckGate {
  private readonly lanes: readonly Receipts[];
  /** Null: nobody asks how long flushes take. */
  private readonly stages: AppendStages | null;
  private readonly heads = new Map<number, number>();
  private readonly tails = new Map<number, number>();
  private next = new Int32Array(HELD_START);
  private lane = new Int32Array(HELD_START);
  private exchange = new Int32Array(HELD_START);
  private entry = new Int32Array(HELD_START);
  private neededOffset = new Float64Array(HELD_START);
  private baseOffset = new Float64Array(HELD_START);
  private appendTimeMs = new Float64Array(HELD_START);
  private writtenMs = new Float64Array(HELD_START);
  private free = NONE;
  private heldCount = 0;

  constructor(lanes: readonly Receipts[], stages: AppendStages | null = null) {
    this.lanes = lanes;
    this.stages = stages;
    this.linkFree(0, HELD_START);
  }

  get count(): number {
    return this.heldCount;
  }

  holds(partition: number): boolean {
    return this.heads.has(partition);
  }

  /** `neededOffset`: the high watermark that lets the receipt go. */
  hold(
    partition: number,
    lane: number,
    exchange: number,
    entry: number,
    neededOffset: number,
    baseOffset: number,
    appendTimeMs: number,
  ): void {
    if (this.free === NONE) this.grow();
    const held = this.free;
    this.free = this.next[held]!;
    this.next[held] = NONE;
    this.lane[held] = lane;
    this.exchange[held] = exchange;
    this.entry[held] = entry;
    this.neededOffset[held] = neededOffset;
    this.baseOffset[held] = baseOffset;
    this.appendTimeMs[held] = appendTimeMs;
    this.writtenMs[held] = this.stages === null ? 0 : this.stages.writtenMs;
    const tail = this.tails.get(partition);
    if (tail === undefined) this.heads.set(partition, held);
    else this.next[tail] = held;
    this.tails.set(partition, held);
    this.heldCount += 1;
  }

  /** Sends what the high watermark has passed. */
  open(partition: number, highOffset: number, logStartOffset: number): void {
    let held = this.heads.get(partition) ?? NONE;
    if (held === NONE) return;
    const doneMs = this.stages === null ? 0 : this.stages.flushedMs();
    while (held !== NONE && this.neededOffset[held]! <= highOffset) {
      if (this.stages !== null) this.stages.flushed(partition, this.writtenMs[held]!, doneMs);
      held = this.settle(partition, held, 0, logStartOffset, doneMs);
    }
    this.rememberHead(partition, held);
  }

  /** Answers all that wait on a partition with an error: it was closed, or its log is poisoned. */
  fail(partition: number, error: number): void {
    let held = this.heads.get(partition) ?? NONE;
    while (held !== NONE) held = this.settle(partition, held, error, -1, 0);
    this.rememberHead(partition, held);
  }

  private settle(partition: number, held: number, error: number, logStartOffset: number, doneMs: number): number {
    const receipts = this.lanes[this.lane[held]!]!;
    receipts.begin(RECEIPT_APPEND, this.exchange[held]!, this.entry[held]!, partition, error);
    receipts.words[receipts.wordAt + APPENDED_RECORD_INDEX] = -1;
    receipts.words[receipts.wordAt + APPENDED_REASON] = 0;
    receipts.numbers[receipts.numberAt + APPENDED_BASE_OFFSET_NUMBER] = error === 0 ? this.baseOffset[held]! : -1;
    receipts.numbers[receipts.numberAt + APPENDED_TIME_NUMBER] = error === 0 ? this.appendTimeMs[held]! : -1;
    receipts.numbers[receipts.numberAt + APPENDED_LOG_START_NUMBER] = logStartOffset;
    receipts.numbers[receipts.numberAt + APPENDED_DONE_NUMBER] = doneMs;
    const following = this.next[held]!;
    this.next[held] = this.free;
    this.free = held;
    this.heldCount -= 1;
    assert(this.heldCount >= 0, 'the gate holds no fewer receipts than none');
    return following;
  }

  private rememberHead(partition: number, held: number): void {
    if (held !== NONE) {
      this.heads.set(partition, held);
      return;
    }
    this.heads.delete(partition);
    this.tails.delete(partition);
  }

  private linkFree(from: number, to: number): void {
    for (let index = to - 1; index >= from; index--) {
      this.next[index] = this.free;
      this.free = index;
    }
  }

  private grow(): void {
    const old = this.next.length;
    this.next = widenWords(this.next);
    this.lane = widenWords(this.lane);
    this.exchange = widenWords(this.exchange);
    this.entry = widenWords(this.entry);
    this.neededOffset = widenNumbers(this.neededOffset);
    this.baseOffset = widenNumbers(this.baseOffset);
    this.appendTimeMs = widenNumbers(this.appendTimeMs);
    this.writtenMs = widenNumbers(this.writtenMs);
    this.linkFree(old, old * 2);
  }
}

function widenWords(old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const wide = new Int32Array(old.length * 2);
  wide.set(old);
  return wide;
}

function widenNumbers(old: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const wide = new Float64Array(old.length * 2);
  wide.set(old);
  return wide;
}
