/**
 * What happens to a batch before it gets its offsets: it is checked as bytes and against its topic's settings, its producer
 * is asked about, its timestamps are stamped. The log calls `admit`, then `stampTimes`, and after it has given the offsets
 * `record`; in between, the shared `check` of the tools holds the batch's header fields. Knows no segment and no file.
 */
import {
  BATCH_HEADER_BYTES,
  batchBaseSequence,
  batchProducerEpoch,
  batchProducerId,
  stampTimestamp,
} from '../protocol/batch.ts';
import {
  APPEND_FLAG_BUMPS_EPOCH,
  APPEND_FLAG_INTERNAL,
  APPEND_FLAG_VERIFIED,
  APPEND_FLAG_ZSTD_ALLOWED,
  APPEND_GUARD_SHIFT,
  APPEND_UNVERIFIED,
} from '../zerocopy/layout.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { SEGMENT_BYTES_MAX } from './appender.ts';
import { ControlMarker, MARKER_OTHER } from './control-marker.ts';
import type { LogSettings } from './log-settings.ts';
import type { DecidedTransaction, ProducerLedger } from './producer-ledger.ts';
import type { StorageTools } from './storage-tools.ts';

const NONE = 0;
const RECORD_LIST_TOO_LARGE = 18;
const KAFKA_STORAGE_ERROR = 56;
const NOT_VERIFIED = -1;
const NO_TIME = -1;

/** What became of the last `append`; good when it returned 0, but for `recordIndex` and `reason`, which tell a refusal. */
export interface Appended {
  baseOffset: number;
  lastOffset: number;
  /** -1 unless the topic stamps append times, or the batch was a duplicate. */
  logAppendTimeMs: number;
  logStartOffset: number;
  recordIndex: number;
  /** A code of `protocol/batch-reasons`. */
  reason: number;
  /** The batch was appended before; the offsets are those of then, and nothing was queued. */
  isDuplicate: boolean;
}

export function createAppended(): Appended {
  return {
    baseOffset: -1,
    lastOffset: -1,
    logAppendTimeMs: NO_TIME,
    logStartOffset: 0,
    recordIndex: -1,
    reason: 0,
    isDuplicate: false,
  };
}

export function clearAppended(appended: Appended, logStartOffset: number): void {
  appended.baseOffset = -1;
  appended.lastOffset = -1;
  appended.logAppendTimeMs = NO_TIME;
  appended.logStartOffset = logStartOffset;
  appended.recordIndex = -1;
  appended.reason = 0;
  appended.isDuplicate = false;
}

export class BatchIntake {
  private readonly tools: StorageTools;
  private readonly ledger: ProducerLedger;
  private readonly marker = new ControlMarker();

  constructor(tools: StorageTools, ledger: ProducerLedger) {
    this.tools = tools;
    this.ledger = ledger;
  }

  /**
   * A Kafka error code, or APPEND_UNVERIFIED with the guard in `appended.recordIndex`; 0 also for a batch that was appended
   * before, which `appended.isDuplicate` tells.
   */
  admit(
    memory: Memory,
    at: number,
    length: number,
    flags: number,
    nowMs: number,
    settings: LogSettings,
    appended: Appended,
  ): number {
    const error = this.checkBatch(memory, at, length, flags, nowMs, settings, appended);
    if (error !== NONE || this.tools.check.producerId < 0) return error;
    return this.checkProducer(memory, at, length, flags, appended);
  }

  /** For a while, so that its producer sends it again: what came behind it must not come in before. */
  refuse(view: DataView, at: number, length: number): number {
    const id = length < BATCH_HEADER_BYTES ? -1 : batchProducerId(view, at);
    if (id >= 0) this.ledger.noteRefused(id, batchProducerEpoch(view, at), batchBaseSequence(view, at));
    return KAFKA_STORAGE_ERROR;
  }

  /** The batch just admitted got its offsets. Returns the transaction it ended, null for none. */
  record(baseOffset: number, lastOffset: number, maxTimestamp: number, nowMs: number): DecidedTransaction | null {
    const check = this.tools.check;
    const id = check.producerId;
    const epoch = check.producerEpoch;
    if (!check.isControl) {
      this.ledger.record(
        id,
        epoch,
        check.baseSequence,
        baseOffset,
        lastOffset,
        maxTimestamp,
        check.isTransactional,
        nowMs,
      );
      return null;
    }
    const { kind, coordinatorEpoch } = this.marker;
    if (kind === MARKER_OTHER) return null;
    return this.ledger.recordMarker(id, epoch, kind, coordinatorEpoch, lastOffset, maxTimestamp, nowMs);
  }

  /** Returns the timestamp that the indexes go by. */
  stampTimes(
    memory: Memory,
    at: number,
    length: number,
    nowMs: number,
    settings: LogSettings,
    appended: Appended,
  ): number {
    const check = this.tools.check;
    if (settings.isLogAppendTime && !check.isControl) {
      stampTimestamp(memory, at, length, true, nowMs, this.tools.crc);
      appended.logAppendTimeMs = nowMs;
      return nowMs;
    }
    if (check.isMaxTimestampWrong)
      stampTimestamp(memory, at, length, check.isLogAppendTime, check.maxTimestamp, this.tools.crc);
    return check.maxTimestamp;
  }

  private checkBatch(
    memory: Memory,
    at: number,
    length: number,
    flags: number,
    nowMs: number,
    settings: LogSettings,
    appended: Appended,
  ): number {
    const { rules, check } = this.tools;
    const isInternal = (flags & APPEND_FLAG_INTERNAL) !== 0;
    rules.messageBytesMax = isInternal ? SEGMENT_BYTES_MAX : settings.batchBytesMax;
    rules.timestampBeforeMaxMs = settings.timestampBeforeMaxMs;
    rules.timestampAfterMaxMs = settings.timestampAfterMaxMs;
    rules.isLogAppendTime = settings.isLogAppendTime;
    rules.isCompacted = settings.isCompacted && !isInternal;
    rules.isZstdAllowed = (flags & APPEND_FLAG_ZSTD_ALLOWED) !== 0 || isInternal;
    rules.isInternal = isInternal;
    rules.nowMs = nowMs;
    const error = check.check(memory, at, length, rules);
    if (error !== NONE) {
      appended.recordIndex = check.recordIndex;
      appended.reason = check.reason;
      return error;
    }
    return length > settings.segmentBytesMax ? RECORD_LIST_TOO_LARGE : NONE;
  }

  private checkProducer(memory: Memory, at: number, length: number, flags: number, appended: Appended): number {
    const check = this.tools.check;
    const ledger = this.ledger;
    const bumpsEpoch = (flags & APPEND_FLAG_BUMPS_EPOCH) !== 0;
    if (check.isControl) {
      this.marker.read(memory.view, at, at + length);
      if (this.marker.kind === MARKER_OTHER) return NONE;
      return ledger.checkMarker(check.producerId, check.producerEpoch, this.marker.coordinatorEpoch, bumpsEpoch);
    }
    const isInternal = (flags & APPEND_FLAG_INTERNAL) !== 0;
    const error = ledger.check(
      check.producerId,
      check.producerEpoch,
      check.baseSequence,
      check.count,
      check.isTransactional,
      isInternal,
      (flags & APPEND_FLAG_VERIFIED) !== 0 ? flags >> APPEND_GUARD_SHIFT : NOT_VERIFIED,
      bumpsEpoch,
    );
    if (error === APPEND_UNVERIFIED) appended.recordIndex = ledger.guard;
    if (error !== NONE || !ledger.isDuplicate) return error;
    appended.isDuplicate = true;
    appended.baseOffset = ledger.duplicateBaseOffset;
    appended.lastOffset = ledger.duplicateLastOffset;
    appended.logAppendTimeMs = ledger.duplicateTimestamp;
    return NONE;
  }
}
