/**
 * Reads and look-ups for a worker: a ReadJob becomes a region with a lease. Bytes that are not in memory are brought there
 * by the disk aide first, and only then does the receipt leave; neither the worker nor the front waits for the device.
 */
import { assert } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import { errorCode } from '../protocol/errors.ts';
import { AbortedList } from '../storage/aborted-index.ts';
import type { Disk } from '../storage/disk.ts';
import type { ReadResult } from '../storage/reader.ts';
import {
  ABORTED_COUNT,
  ABORTED_FIRST_NUMBER,
  AIDE_FD,
  AIDE_LENGTH,
  AIDE_POSITION_NUMBER,
  FIND_EPOCH_EPOCH,
  FIND_OFFSET_FLAGS,
  FIND_OFFSET_TIMESTAMP_NUMBER,
  FOUND_EPOCH_END_OFFSET_NUMBER,
  FOUND_EPOCH_EPOCH,
  FOUND_LEADER_EPOCH,
  FOUND_OFFSET_NUMBER,
  FOUND_TIMESTAMP_NUMBER,
  JOB_LEADER_EPOCH,
  JOB_WARM,
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
  READ_FLAGS,
  READ_OFFSET_NUMBER,
  RECEIPT_ABORTED,
  RECEIPT_ERROR,
  RECEIPT_FIND_EPOCH,
  RECEIPT_FIND_OFFSET,
  RECEIPT_READ,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import { ReadTickets } from './aide-tickets.ts';
import type { LaneEnd } from './lane.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';
import { ReadAhead } from './read-ahead.ts';
import type { ReadLeases } from './read-leases.ts';
import type { Receipts } from './receipts.ts';

const NO_EPOCH = -1;
/** Transactions that one RECEIPT_ABORTED carries: two pairs of numbers. */
const ABORTED_PER_RECEIPT = 2;
/** Aborted transactions told with one read; a range with more of them is halved until it fits. */
const ABORTED_MAX = 8192;
const HALVINGS_MAX = 32;
/** So many reads after one that had to wait for the device others are looked at closely, and bytes are read ahead of them. */
export const WARY_READS = 4096;

export interface LogReadsParts {
  readonly table: PartitionTable;
  readonly receipts: readonly Receipts[];
  readonly leases: ReadLeases;
  readonly aide: LaneEnd;
  readonly disk: Disk;
  /** Cold reads under way; fewer than the aide's ring has slots, flushes need some too. */
  readonly coldReadsMax: number;
  /** Stretches that are read ahead at the same time; they have slots of their own as well. */
  readonly stretchesMax: number;
}

export class LogReads {
  private readonly parts: LogReadsParts;
  private readonly tickets: ReadTickets;
  private readonly ahead: ReadAhead;
  /** Reads that wait for a stretch; bounded by the tickets. */
  private readonly deferredTickets: number[] = [];
  private readonly deferredPartitions: OwnedPartition[] = [];
  /** Reads still to come that may meet bytes on their way from the device; it begins with some, a start leaves memory cold. */
  private wary = WARY_READS;
  private readonly aborted = new AbortedList(ABORTED_MAX);

  constructor(parts: LogReadsParts) {
    this.parts = parts;
    this.tickets = new ReadTickets(parts.coldReadsMax);
    this.ahead = new ReadAhead(parts.table, parts.aide, parts.disk, parts.stretchesMax);
  }

  get coldCount(): number {
    return this.tickets.outstanding;
  }

  /** False: no ticket is free, the job comes again. */
  read(lane: number, words: Int32Array, numbers: Float64Array, at: number): boolean {
    if (!this.tickets.hasFree) return false;
    const exchange = words[at + SLOT_EXCHANGE]!;
    const entry = words[at + SLOT_ENTRY]!;
    const slot = words[at + SLOT_PARTITION]!;
    const partition = this.parts.table.at(slot);
    let error = epochError(partition, words[at + JOB_LEADER_EPOCH]!);
    // Not left in the ring: the leases that come home stand behind it.
    if (error === 0 && this.parts.leases.isFull) error = errorCode.KAFKA_STORAGE_ERROR;
    if (partition === null || error !== 0) {
      this.begin(RECEIPT_READ, lane, exchange, entry, slot, error, partition);
      return true;
    }
    const flags = words[at + READ_FLAGS]!;
    const offset = numbers[(at >> 1) + READ_OFFSET_NUMBER]!;
    const bytesMax = words[at + READ_BYTES_MAX]!;
    if (partition.isReadingAhead && partition.aheadOffset === offset) {
      this.defer(lane, exchange, entry, partition, offset, bytesMax, flags);
    } else {
      this.serve(lane, exchange, entry, partition, offset, bytesMax, flags);
    }
    return true;
  }

  private serve(
    lane: number,
    exchange: number,
    entry: number,
    partition: OwnedPartition,
    offset: number,
    bytesMax: number,
    flags: number,
  ): void {
    const { slot } = partition;
    const result = this.tryRead(partition, offset, bytesMax, flags);
    if (result === null) {
      this.begin(RECEIPT_READ, lane, exchange, entry, slot, errorCode.KAFKA_STORAGE_ERROR, partition);
      return;
    }
    if (result.length === 0) {
      this.begin(RECEIPT_READ, lane, exchange, entry, slot, result.error, partition);
      return;
    }
    if ((flags & READ_FLAG_COMMITTED) !== 0) this.tellAborted(lane, exchange, entry, partition);
    const lease = this.parts.leases.grant(partition, result.lease);
    const { fd, position, length, endOffset } = result;
    if (this.parts.disk.residentBytes(fd, position, length, this.wary > 0) >= length) {
      if (this.wary > 0) this.wary -= 1;
      this.give(lane, exchange, entry, partition, fd, position, length, lease);
    } else {
      this.wary = WARY_READS;
      this.warm(lane, exchange, entry, slot, fd, position, length, lease);
    }
    if (this.wary > 0 && endOffset < partition.log.watermarks.high)
      this.ahead.behind(partition, fd, position + length, endOffset);
  }

  /** The bytes are on their way: to look for the end of the region now would be to wait for the device. */
  private defer(
    lane: number,
    exchange: number,
    entry: number,
    partition: OwnedPartition,
    offset: number,
    bytesMax: number,
    flags: number,
  ): void {
    const { tickets } = this;
    const ticket = tickets.take();
    tickets.lane[ticket] = lane;
    tickets.exchange[ticket] = exchange;
    tickets.entry[ticket] = entry;
    tickets.partition[ticket] = partition.slot;
    tickets.offset[ticket] = offset;
    tickets.bytesMax[ticket] = bytesMax;
    tickets.flags[ticket] = flags;
    this.deferredTickets.push(ticket);
    this.deferredPartitions.push(partition);
  }

  /** A stretch came: whoever waited for it is served, unless the slot has changed hands. */
  private resume(slot: number): void {
    const { tickets, deferredTickets, deferredPartitions } = this;
    let kept = 0;
    const count = deferredTickets.length;
    for (let index = 0; index < count; index++) {
      const ticket = deferredTickets[index]!;
      const partition = deferredPartitions[index]!;
      if (tickets.partition[ticket] !== slot) {
        deferredTickets[kept] = ticket;
        deferredPartitions[kept] = partition;
        kept += 1;
        continue;
      }
      const lane = tickets.lane[ticket]!;
      const exchange = tickets.exchange[ticket]!;
      const entry = tickets.entry[ticket]!;
      tickets.giveBack(ticket);
      if (this.parts.table.at(slot) !== partition) {
        this.begin(RECEIPT_READ, lane, exchange, entry, slot, errorCode.NOT_LEADER_OR_FOLLOWER, null);
      } else if (this.parts.leases.isFull) {
        this.begin(RECEIPT_READ, lane, exchange, entry, slot, errorCode.KAFKA_STORAGE_ERROR, partition);
      } else {
        const { offset, bytesMax, flags } = tickets;
        this.serve(lane, exchange, entry, partition, offset[ticket]!, bytesMax[ticket]!, flags[ticket]!);
      }
    }
    deferredTickets.length = kept;
    deferredPartitions.length = kept;
  }

  /** The aide has brought the bytes of a ticket into memory, or could not: then the read of them will say why. */
  warmed(words: Int32Array, at: number): void {
    const tickets = this.tickets;
    const ticket = words[at + SLOT_EXCHANGE]!;
    const slotAhead = this.ahead.came(ticket);
    if (slotAhead >= 0) {
      this.resume(slotAhead);
      return;
    }
    const lane = tickets.lane[ticket]!;
    const exchange = tickets.exchange[ticket]!;
    const entry = tickets.entry[ticket]!;
    const slot = tickets.partition[ticket]!;
    const lease = tickets.lease[ticket]!;
    const partition = this.parts.leases.partitionOf(lease);
    const isOwned = this.parts.table.at(slot) === partition;
    tickets.giveBack(ticket);
    if (words[at + RECEIPT_ERROR]! < 0 || !isOwned) {
      this.parts.leases.end(lease);
      const error = isOwned ? errorCode.KAFKA_STORAGE_ERROR : errorCode.NOT_LEADER_OR_FOLLOWER;
      this.begin(RECEIPT_READ, lane, exchange, entry, slot, error, isOwned ? partition : null);
      return;
    }
    this.give(
      lane,
      exchange,
      entry,
      partition,
      tickets.fd[ticket]!,
      tickets.position[ticket]!,
      tickets.length[ticket]!,
      lease,
    );
  }

  findOffset(lane: number, words: Int32Array, numbers: Float64Array, at: number): boolean {
    const slot = words[at + SLOT_PARTITION]!;
    const partition = this.parts.table.at(slot);
    let error = epochError(partition, words[at + JOB_LEADER_EPOCH]!);
    let offset = -1;
    let timestamp = -1;
    let leaderEpoch = -1;
    if (partition !== null && error === 0) {
      const found = partition.log.findByTimestamp(
        numbers[(at >> 1) + FIND_OFFSET_TIMESTAMP_NUMBER]!,
        words[at + FIND_OFFSET_FLAGS]!,
      );
      error = found.error;
      offset = found.offset;
      timestamp = found.timestamp;
      leaderEpoch = found.leaderEpoch;
    }
    const receipts = this.parts.receipts[lane]!;
    receipts.begin(RECEIPT_FIND_OFFSET, words[at + SLOT_EXCHANGE]!, words[at + SLOT_ENTRY]!, slot, error);
    receipts.words[receipts.wordAt + FOUND_LEADER_EPOCH] = leaderEpoch;
    receipts.numbers[receipts.numberAt + FOUND_OFFSET_NUMBER] = offset;
    receipts.numbers[receipts.numberAt + FOUND_TIMESTAMP_NUMBER] = timestamp;
    return true;
  }

  findEpoch(lane: number, words: Int32Array, at: number): boolean {
    const slot = words[at + SLOT_PARTITION]!;
    const partition = this.parts.table.at(slot);
    const error = epochError(partition, words[at + JOB_LEADER_EPOCH]!);
    let epoch = -1;
    let endOffset = -1;
    if (partition !== null && error === 0) {
      const found = partition.log.findEpochEnd(words[at + FIND_EPOCH_EPOCH]!);
      epoch = found.epoch;
      endOffset = found.endOffset;
    }
    const receipts = this.parts.receipts[lane]!;
    receipts.begin(RECEIPT_FIND_EPOCH, words[at + SLOT_EXCHANGE]!, words[at + SLOT_ENTRY]!, slot, error);
    receipts.words[receipts.wordAt + FOUND_EPOCH_EPOCH] = epoch;
    receipts.numbers[receipts.numberAt + FOUND_EPOCH_END_OFFSET_NUMBER] = endOffset;
    return true;
  }

  private warm(
    lane: number,
    exchange: number,
    entry: number,
    slot: number,
    fd: number,
    position: number,
    length: number,
    lease: number,
  ): void {
    const tickets = this.tickets;
    const ticket = tickets.take();
    tickets.lane[ticket] = lane;
    tickets.exchange[ticket] = exchange;
    tickets.entry[ticket] = entry;
    tickets.partition[ticket] = slot;
    tickets.fd[ticket] = fd;
    tickets.position[ticket] = position;
    tickets.length[ticket] = length;
    tickets.lease[ticket] = lease;
    const jobs = this.parts.aide.outgoing;
    const job = jobs.claim();
    assert(job >= 0, 'the aide has room for as many cold reads as there are tickets');
    const to = job * SLOT_WORDS;
    jobs.words[to + SLOT_KIND] = JOB_WARM;
    jobs.words[to + SLOT_EXCHANGE] = ticket;
    jobs.words[to + AIDE_FD] = fd;
    jobs.words[to + AIDE_LENGTH] = length;
    jobs.numbers[(to >> 1) + AIDE_POSITION_NUMBER] = position;
  }

  private give(
    lane: number,
    exchange: number,
    entry: number,
    partition: OwnedPartition,
    fd: number,
    position: number,
    length: number,
    lease: number,
  ): void {
    const sound = this.trySoundBytes(lease, position, length);
    if (sound <= 0) {
      this.parts.leases.end(lease);
      const error = sound < 0 ? errorCode.KAFKA_STORAGE_ERROR : errorCode.CORRUPT_MESSAGE;
      this.begin(RECEIPT_READ, lane, exchange, entry, partition.slot, error, partition);
      return;
    }
    this.begin(RECEIPT_READ, lane, exchange, entry, partition.slot, 0, partition);
    const receipts = this.parts.receipts[lane]!;
    receipts.words[receipts.wordAt + READ_DONE_FD] = fd;
    receipts.words[receipts.wordAt + READ_DONE_LENGTH] = sound;
    receipts.words[receipts.wordAt + READ_DONE_LEASE] = lease;
    receipts.numbers[receipts.numberAt + READ_DONE_POSITION_NUMBER] = position;
  }

  /** A receipt without bytes: watermarks only. `give` adds the region. */
  private begin(
    kind: number,
    lane: number,
    exchange: number,
    entry: number,
    slot: number,
    error: number,
    partition: OwnedPartition | null,
  ): void {
    const receipts = this.parts.receipts[lane]!;
    receipts.begin(kind, exchange, entry, slot, error);
    const { words, wordAt, numbers, numberAt } = receipts;
    words[wordAt + READ_DONE_FD] = -1;
    words[wordAt + READ_DONE_LENGTH] = 0;
    words[wordAt + READ_DONE_LEASE] = -1;
    const marks = partition === null ? null : partition.log.watermarks;
    numbers[numberAt + READ_DONE_POSITION_NUMBER] = 0;
    numbers[numberAt + READ_DONE_HIGH_NUMBER] = marks === null ? -1 : marks.high;
    numbers[numberAt + READ_DONE_STABLE_NUMBER] = marks === null ? -1 : marks.stable;
    numbers[numberAt + READ_DONE_LOG_START_NUMBER] = marks === null ? -1 : marks.start;
  }

  /** -1: a file of the log cannot be opened or read. */
  private trySoundBytes(lease: number, position: number, length: number): number {
    try {
      return this.parts.leases.soundBytes(lease, position, length);
    } catch (error) {
      if (!isFault(error)) throw error;
      return -1;
    }
  }

  /** Null: a file of the log cannot be opened or read, as where the process has no descriptor left. */
  private tryRead(partition: OwnedPartition, offset: number, bytesMax: number, flags: number): ReadResult | null {
    try {
      return this.readCommitted(partition, offset, bytesMax, flags);
    } catch (error) {
      if (!isFault(error)) throw error;
      return null;
    }
  }

  /** Reads a range whose aborted transactions fit into the list; without READ_FLAG_COMMITTED just a read. Throws Fault. */
  private readCommitted(partition: OwnedPartition, offset: number, bytesMax: number, flags: number): ReadResult {
    let result = partition.log.read(offset, bytesMax, flags);
    if ((flags & READ_FLAG_COMMITTED) === 0 || result.length === 0) return result;
    this.collectAborted(partition, offset, result);
    for (let halving = 0; this.aborted.isCut && halving < HALVINGS_MAX; halving++) {
      const half = result.length >> 1;
      partition.log.releaseLease(result.lease);
      result = partition.log.read(offset, half, flags | READ_FLAG_FIRST_BATCH_WHOLE);
      this.collectAborted(partition, offset, result);
    }
    return result;
  }

  private collectAborted({ log }: OwnedPartition, offset: number, { endOffset, lease, length }: ReadResult): void {
    this.aborted.clear();
    if (length === 0) return;
    try {
      log.collectAborted(offset, endOffset, this.aborted);
    } catch (error) {
      log.releaseLease(lease);
      throw error;
    }
  }

  private tellAborted(lane: number, exchange: number, entry: number, partition: OwnedPartition): void {
    const receipts = this.parts.receipts[lane]!;
    for (let index = 0; index < this.aborted.count; index += ABORTED_PER_RECEIPT) {
      const count = Math.min(ABORTED_PER_RECEIPT, this.aborted.count - index);
      receipts.begin(RECEIPT_ABORTED, exchange, entry, partition.slot, 0);
      receipts.words[receipts.wordAt + ABORTED_COUNT] = count;
      for (let pair = 0; pair < count; pair++) {
        const number = receipts.numberAt + ABORTED_FIRST_NUMBER + pair * 2;
        receipts.numbers[number] = this.aborted.producerIds[index + pair]!;
        receipts.numbers[number + 1] = this.aborted.firstOffsets[index + pair]!;
      }
    }
  }
}

/** What a client believes of the leader, against what is so. */
function epochError(partition: OwnedPartition | null, believed: number): number {
  if (partition === null) return errorCode.NOT_LEADER_OR_FOLLOWER;
  if (believed === NO_EPOCH || believed === partition.leaderEpoch) return 0;
  return believed < partition.leaderEpoch ? errorCode.FENCED_LEADER_EPOCH : errorCode.UNKNOWN_LEADER_EPOCH;
}
