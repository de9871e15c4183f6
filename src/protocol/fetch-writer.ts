/**
 * Writes the response to a Fetch request around the record bytes, which do not pass through here: they are sent from
 * files. The writer puts all other bytes one behind the other and says where each piece ends and a region belongs:
 *
 *   memory   [length header topic partition₀ … records length][tags partition₁ … records length][tags … end]
 *   socket    ─────────────── piece 0 ──────────────, region₀ , ────────── piece 1 ───────────, region₁ , ── piece 2 ──
 *
 *   open → (topicByName | topicById → partition × n) × topicCount → close
 *
 * The frame's length is filled in by `close`, so nothing may be sent before that. Topic and partition counts are stated
 * up front, because their length on the wire depends on them. Knows nothing of leases, sessions or sockets.
 */
import { assert } from '../base/assert.ts';
import { FETCH_FLEXIBLE_SINCE, FETCH_TOPIC_IDS_SINCE } from './fetch-cursor.ts';
import { LENGTH_PREFIX_BYTES, writeResponseHeader } from './header.ts';
import { WirePen } from './wire-pen.ts';

const FRAME_BYTES = LENGTH_PREFIX_BYTES + 5 + 10 + 5 + 1;
/** Name length or id, partition count, tags. */
const TOPIC_BYTES = 16 + 5 + 1;
/** The fixed fields, the count of aborted transactions, the length of the records, tags. */
const PARTITION_BYTES = 34 + 5 + 5 + 1;
const ABORTED_BYTES = 17;
const FRAME_BYTES_MAX = 0x7fff_ffff;

/** Room for everything but the records. Inlined records come on top. */
export function fetchResponseBytesMax(
  topicCount: number,
  topicNameBytesTotal: number,
  partitionTotal: number,
  abortedTotal: number,
): number {
  return (
    FRAME_BYTES +
    topicCount * TOPIC_BYTES +
    topicNameBytesTotal +
    partitionTotal * PARTITION_BYTES +
    abortedTotal * ABORTED_BYTES
  );
}

export class FetchResponseWriter {
  readonly #pen = new WirePen();
  #version = 0;
  #startAt = 0;
  #topicsLeft = 0;
  #partitionsLeft = 0;
  #isInTopic = false;
  #isInPartition = false;
  #regionBytesTotal = 0;

  /** Where the next byte goes: after `partition`, the place at which inlined records may be copied in. */
  get at(): number {
    return this.#pen.at;
  }

  /** Record bytes that are sent between the pieces. */
  get regionBytesTotal(): number {
    return this.#regionBytesTotal;
  }

  open(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    end: number,
    version: number,
    correlationId: number,
    throttleTimeMs: number,
    errorCode: number,
    sessionId: number,
    topicCount: number,
  ): void {
    const pen = this.#pen;
    const isFlexible = version >= FETCH_FLEXIBLE_SINCE;
    pen.begin(bytes, view, at, end, isFlexible);
    this.#version = version;
    this.#startAt = pen.pass(LENGTH_PREFIX_BYTES + (isFlexible ? 5 : 4));
    writeResponseHeader(view, at + LENGTH_PREFIX_BYTES, correlationId, isFlexible);
    this.#topicsLeft = topicCount;
    this.#partitionsLeft = 0;
    this.#isInTopic = false;
    this.#isInPartition = false;
    this.#regionBytesTotal = 0;
    pen.int32(throttleTimeMs);
    if (version >= 7) {
      pen.int16(errorCode);
      pen.int32(sessionId);
    }
    pen.arrayCount(topicCount);
  }

  /** Up to version 12. The name's bytes are copied, usually from the request. */
  topicByName(source: Uint8Array, nameAt: number, nameLength: number, partitionCount: number): void {
    assert(this.#version < FETCH_TOPIC_IDS_SINCE, 'a topic goes by name up to version 12');
    this.#beginTopic(partitionCount);
    this.#pen.string(source, nameAt, nameLength);
    this.#pen.arrayCount(partitionCount);
  }

  /** From version 13 on. */
  topicById(source: Uint8Array, topicIdAt: number, partitionCount: number): void {
    assert(this.#version >= FETCH_TOPIC_IDS_SINCE, 'a topic goes by id from version 13 on');
    this.#beginTopic(partitionCount);
    this.#pen.copy(source, topicIdAt, 16);
    this.#pen.arrayCount(partitionCount);
  }

  /**
   * Returns where the piece ends: `recordsLength` bytes of records follow there, as a region or inlined.
   * Aborted transactions are pairs of producer id and first offset from `abortedAt` on; a count of -1 says that the
   * client did not ask for committed records only.
   */
  partition(
    partition: number,
    errorCode: number,
    highWatermark: number,
    lastStableOffset: number,
    logStartOffset: number,
    preferredReadReplica: number,
    aborted: Float64Array,
    abortedAt: number,
    abortedCount: number,
    recordsLength: number,
  ): number {
    const pen = this.#pen;
    assert(this.#partitionsLeft > 0, 'a topic has no more partitions than it stated');
    this.#endPartition();
    this.#partitionsLeft--;
    pen.int32(partition);
    pen.int16(errorCode);
    pen.int64(highWatermark);
    pen.int64(lastStableOffset);
    if (this.#version >= 5) pen.int64(logStartOffset);
    pen.arrayCount(abortedCount);
    for (let index = 0; index < abortedCount; index++) {
      pen.int64(aborted[abortedAt + index * 2] ?? 0);
      pen.int64(aborted[abortedAt + index * 2 + 1] ?? 0);
      pen.noTags();
    }
    if (this.#version >= 11) pen.int32(preferredReadReplica);
    pen.bytesLength(recordsLength);
    this.#isInPartition = true;
    this.#regionBytesTotal += recordsLength;
    return pen.at;
  }

  /** The records of the partition just written were copied to `at`: they are part of the piece, not a region. */
  inline(recordsLength: number): void {
    assert(this.#isInPartition, 'records belong to a partition');
    this.#pen.pass(recordsLength);
    this.#regionBytesTotal -= recordsLength;
  }

  /** Fills in the frame's length and returns where the last piece ends. */
  close(): number {
    const pen = this.#pen;
    this.#endTopic();
    assert(this.#topicsLeft === 0, 'every stated topic was written');
    pen.noTags();
    const frameBytes = pen.at - this.#startAt - LENGTH_PREFIX_BYTES + this.#regionBytesTotal;
    assert(frameBytes <= FRAME_BYTES_MAX, 'a frame has a 31-bit length');
    pen.view.setInt32(this.#startAt, frameBytes);
    return pen.at;
  }

  #beginTopic(partitionCount: number): void {
    this.#endTopic();
    assert(this.#topicsLeft > 0, 'a response has no more topics than it stated');
    this.#topicsLeft--;
    this.#partitionsLeft = partitionCount;
    this.#isInTopic = true;
  }

  #endTopic(): void {
    assert(this.#partitionsLeft === 0, 'every stated partition was written');
    this.#endPartition();
    if (this.#isInTopic) this.#pen.noTags();
    this.#isInTopic = false;
  }

  /** Tagged fields come behind the records, so they belong to the piece after the region. */
  #endPartition(): void {
    if (this.#isInPartition) this.#pen.noTags();
    this.#isInPartition = false;
  }
}
