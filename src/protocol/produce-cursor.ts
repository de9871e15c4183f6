/**
 * Walks a Produce request in the memory it was received in, without making anything. The front calls `begin`, then
 * `validate` once, and only then sends jobs: a request that is broken at its end must not be half executed.
 *
 *   begin → validate → while (nextTopic()) while (nextPartition()) …       rewind() starts over
 *
 * The fields of this object describe the place it stands at. It knows nothing of routes, batches or answers.
 */
import { assert } from '../base/assert.ts';
import {
  ATTRIBUTE_TRANSACTIONAL,
  BATCH_ATTRIBUTES,
  BATCH_LENGTH,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  MAGIC,
} from './batch.ts';
import { errorCode } from './errors.ts';
import { WireCursor } from './wire-cursor.ts';

export const PRODUCE_FLEXIBLE_SINCE = 9;
export const PRODUCE_TOPIC_IDS_SINCE = 13;
/** The bytes of the oldest batches behind the prefix, without their records: what states less is no batch. */
const BATCH_STATED_BYTES_MIN = 14;
const UNDECIDED = -1;

export class ProduceCursor {
  readonly #wire = new WireCursor();
  #topicsAt = 0;
  #topicsLeft = 0;
  #partitionsLeft = 0;
  version = 0;

  // the request
  /** Length -1: no transactional id. */
  transactionalIdAt = 0;
  transactionalIdLength = -1;
  acks = 0;
  timeoutMs = 0;
  topicCount = 0;
  /** Known once `validate` ran. */
  partitionTotal = 0;
  topicNameBytesTotal = 0;
  /** Topics that have partitions: the others are not named in the answer. */
  filledTopicCount = 0;
  /**
   * What is wrong with the request as a whole, 0 for nothing: bytes that cannot be a batch, or a batch that says it is part
   * of a transaction although the request names none. Whatever comes first counts, and nothing behind a transactional batch.
   * Appended, such a batch would hold the stable offset back for good.
   */
  requestError = 0;
  /** Some batch says that it is part of a transaction. */
  isTransactional = false;

  // the topic that `nextTopic` came to; up to version 12 it has a name, later an id of 16 bytes
  nameAt = 0;
  nameLength = 0;
  topicIdAt = 0;
  partitionCount = 0;

  // the partition that `nextPartition` came to; length -1: no records at all
  partition = 0;
  recordsAt = 0;
  recordsLength = -1;

  get isBroken(): boolean {
    return this.#wire.isBroken;
  }

  get bytes(): Uint8Array {
    return this.#wire.bytes;
  }

  get hasTopicIds(): boolean {
    return this.version >= PRODUCE_TOPIC_IDS_SINCE;
  }

  /** `at` is where the body starts. False: the request is malformed. */
  begin(bytes: Uint8Array, view: DataView, at: number, end: number, version: number): boolean {
    const wire = this.#wire;
    wire.begin(bytes, view, at, end, version >= PRODUCE_FLEXIBLE_SINCE);
    this.version = version;
    this.transactionalIdLength = wire.stringLength();
    this.transactionalIdAt = wire.skip(Math.max(0, this.transactionalIdLength));
    this.acks = wire.int16();
    this.timeoutMs = wire.int32();
    this.topicCount = wire.arrayCount();
    this.partitionTotal = 0;
    this.topicNameBytesTotal = 0;
    this.#topicsAt = wire.at;
    this.rewind();
    return !wire.isBroken;
  }

  /** Back to the first topic. */
  rewind(): void {
    this.#wire.at = this.#topicsAt;
    this.#topicsLeft = this.topicCount;
    this.#partitionsLeft = 0;
    this.partitionCount = 0;
  }

  /** Walks everything once and rewinds. False: some length or count does not fit the frame. */
  validate(): boolean {
    let partitions = 0;
    let nameBytes = 0;
    let filled = 0;
    let verdict = UNDECIDED;
    while (this.nextTopic()) {
      partitions += this.partitionCount;
      nameBytes += this.nameLength;
      if (this.partitionCount > 0) filled++;
      while (this.nextPartition()) if (verdict === UNDECIDED) verdict = this.#judge();
    }
    if (this.#wire.isBroken) return false;
    this.partitionTotal = partitions;
    this.topicNameBytesTotal = nameBytes;
    this.filledTopicCount = filled;
    this.requestError = Math.max(verdict, errorCode.NONE);
    this.isTransactional = verdict === errorCode.NONE || verdict === errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    this.rewind();
    return true;
  }

  /** The error that the partition's first batch means for the whole request, or UNDECIDED. */
  #judge(): number {
    const { view } = this.#wire;
    const at = this.recordsAt;
    const length = this.recordsLength;
    if (length < BATCH_PREFIX_BYTES) return UNDECIDED;
    const stated = view.getInt32(at + BATCH_LENGTH);
    if (stated < BATCH_STATED_BYTES_MIN) return errorCode.CORRUPT_MESSAGE;
    if (length <= BATCH_MAGIC) return UNDECIDED;
    const magic = view.getInt8(at + BATCH_MAGIC);
    if (magic < 0 || magic > MAGIC) return errorCode.CORRUPT_MESSAGE;
    if (magic < MAGIC || stated > length - BATCH_PREFIX_BYTES) return UNDECIDED;
    if ((view.getInt16(at + BATCH_ATTRIBUTES) & ATTRIBUTE_TRANSACTIONAL) === 0) return UNDECIDED;
    return this.transactionalIdLength < 0 ? errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED : errorCode.NONE;
  }

  /** Goes to the next topic; the partitions of the one before must have been walked to their end. */
  nextTopic(): boolean {
    const wire = this.#wire;
    assert(this.#partitionsLeft === 0 || wire.isBroken, 'all partitions of a topic are walked before the next topic');
    if (wire.isBroken || this.#topicsLeft < 0) return false;
    this.#topicsLeft--;
    if (this.#topicsLeft < 0) {
      wire.skipTags();
      return false;
    }
    if (this.version >= PRODUCE_TOPIC_IDS_SINCE) {
      this.topicIdAt = wire.skip(16);
      this.nameLength = 0;
    } else {
      this.nameLength = wire.requiredLength(wire.stringLength());
      this.nameAt = wire.skip(this.nameLength);
    }
    this.partitionCount = wire.arrayCount();
    this.#partitionsLeft = this.partitionCount;
    if (this.partitionCount === 0) wire.skipTags();
    return !wire.isBroken;
  }

  nextPartition(): boolean {
    const wire = this.#wire;
    if (this.#partitionsLeft === 0 || wire.isBroken) return false;
    this.#partitionsLeft--;
    this.partition = wire.int32();
    this.recordsLength = wire.bytesLength();
    this.recordsAt = wire.skip(Math.max(0, this.recordsLength));
    wire.skipTags();
    // The topic's own tagged fields follow its last partition.
    if (this.#partitionsLeft === 0) wire.skipTags();
    return !wire.isBroken;
  }
}
