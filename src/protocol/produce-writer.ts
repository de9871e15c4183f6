/**
 * Writes the response to a Produce request by walking the request's cursor once more: names and ids are copied from the
 * request bytes, so the front keeps nothing but one result per partition. Called with the results in request order:
 *
 *   open → partition × partitionTotal → close
 */
import { assert } from '../base/assert.ts';
import { LENGTH_PREFIX_BYTES, writeResponseHeader } from './header.ts';
import { PRODUCE_FLEXIBLE_SINCE, ProduceCursor } from './produce-cursor.ts';
import { WirePen } from './wire-pen.ts';

const FRAME_BYTES = LENGTH_PREFIX_BYTES + 5 + 5 + 4 + 1;
/** Name length or id, partition count, tags. */
const TOPIC_BYTES = 16 + 5 + 1;
/** The fixed fields, one record error, the lengths of two texts, tags. */
const PARTITION_BYTES = 30 + 15 + 5 + 1;

/** `textBytesTotal`: what all texts given to `partition` may come to. The cursor must have been validated. */
export function produceResponseBytesMax(cursor: ProduceCursor, textBytesTotal: number): number {
  return (
    FRAME_BYTES +
    cursor.topicCount * TOPIC_BYTES +
    cursor.topicNameBytesTotal +
    cursor.partitionTotal * PARTITION_BYTES +
    textBytesTotal
  );
}

export class ProduceResponseWriter {
  readonly #pen = new WirePen();
  #cursor = new ProduceCursor();
  #startAt = 0;
  #isInTopic = false;

  /** The cursor must have been validated; it is rewound and belongs to the writer until `close`. */
  open(bytes: Uint8Array, view: DataView, at: number, end: number, cursor: ProduceCursor, correlationId: number): void {
    const isFlexible = cursor.version >= PRODUCE_FLEXIBLE_SINCE;
    this.#pen.begin(bytes, view, at, end, isFlexible);
    this.#startAt = this.#pen.pass(LENGTH_PREFIX_BYTES + (isFlexible ? 5 : 4));
    writeResponseHeader(view, at + LENGTH_PREFIX_BYTES, correlationId, isFlexible);
    this.#cursor = cursor;
    this.#isInTopic = false;
    cursor.rewind();
    this.#pen.arrayCount(cursor.filledTopicCount);
  }

  /** The next partition in request order. `recordIndex` -1: no single record is to blame. */
  partition(
    errorCode: number,
    baseOffset: number,
    logAppendTimeMs: number,
    logStartOffset: number,
    recordIndex: number,
    recordText: Uint8Array | null,
    text: Uint8Array | null,
  ): void {
    const pen = this.#pen;
    const cursor = this.#cursor;
    assert(this.#advance(), 'there are no more results than partitions');
    pen.int32(cursor.partition);
    pen.int16(errorCode);
    pen.int64(baseOffset);
    pen.int64(logAppendTimeMs);
    if (cursor.version >= 5) pen.int64(logStartOffset);
    if (cursor.version >= 8) {
      pen.arrayCount(recordIndex < 0 ? 0 : 1);
      if (recordIndex >= 0) {
        pen.int32(recordIndex);
        pen.nullableText(recordText);
        pen.noTags();
      }
      pen.nullableText(text);
    }
    pen.noTags();
  }

  /** Returns where the frame ends. */
  close(throttleTimeMs: number): number {
    const pen = this.#pen;
    assert(!this.#advance(), 'every partition has a result');
    pen.int32(throttleTimeMs);
    pen.noTags();
    pen.view.setInt32(this.#startAt, pen.at - this.#startAt - LENGTH_PREFIX_BYTES);
    return pen.at;
  }

  /** To the next partition, writing the topics that begin on the way; topics without partitions are left out. */
  #advance(): boolean {
    const pen = this.#pen;
    const cursor = this.#cursor;
    while (!cursor.nextPartition()) {
      if (this.#isInTopic) pen.noTags();
      this.#isInTopic = false;
      if (!cursor.nextTopic()) return false;
      if (cursor.partitionCount === 0) continue;
      this.#isInTopic = true;
      if (cursor.hasTopicIds) pen.copy(cursor.bytes, cursor.topicIdAt, 16);
      else pen.string(cursor.bytes, cursor.nameAt, cursor.nameLength);
      pen.arrayCount(cursor.partitionCount);
    }
    return true;
  }
}
