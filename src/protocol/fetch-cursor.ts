/**
 * Walks a Fetch request in the memory it was received in, without making anything. `begin`, then `validate` once; after
 * that topics and partitions, and the forgotten ones of a fetch session, can be walked as often as needed:
 *
 *   begin → validate → while (nextTopic()) while (nextPartition()) …
 *                    → beginForgotten → while (nextForgottenTopic()) while (nextForgottenPartition()) …
 *
 * The fields of this object describe the place it stands at. It knows nothing of sessions, routes or answers.
 */
import { assert } from '../base/assert.ts';
import { WireCursor } from './wire-cursor.ts';

export const FETCH_FLEXIBLE_SINCE = 12;
export const FETCH_TOPIC_IDS_SINCE = 13;
const SESSIONS_SINCE = 7;
const REPLICA_STATE_SINCE = 15;
const REPLICA_STATE_TAG = 1;

export class FetchCursor {
  readonly #wire = new WireCursor();
  #topicsAt = 0;
  #topicsLeft = 0;
  #partitionsLeft = 0;
  #forgottenAt = 0;
  #forgottenTopicsLeft = 0;
  #forgottenPartitionsLeft = 0;
  version = 0;

  // the request; rack, replica and totals are known once `validate` ran
  /** -1: a consumer. */
  replicaId = -1;
  maxWaitMs = 0;
  minBytes = 0;
  maxBytes = 0;
  isolationLevel = 0;
  sessionId = 0;
  sessionEpoch = -1;
  topicCount = 0;
  partitionTotal = 0;
  topicNameBytesTotal = 0;
  forgottenTopicCount = 0;
  forgottenPartitionTotal = 0;
  rackAt = 0;
  rackLength = 0;

  // the topic that `nextTopic` or `nextForgottenTopic` came to; up to version 12 it has a name, later an id of 16 bytes
  nameAt = 0;
  nameLength = 0;
  topicIdAt = 0;
  partitionCount = 0;

  // the partition that `nextPartition` came to; `nextForgottenPartition` sets its number only
  partition = 0;
  currentLeaderEpoch = -1;
  fetchOffset = 0;
  lastFetchedEpoch = -1;
  logStartOffset = -1;
  partitionMaxBytes = 0;

  get isBroken(): boolean {
    return this.#wire.isBroken;
  }

  get bytes(): Uint8Array {
    return this.#wire.bytes;
  }

  get hasTopicIds(): boolean {
    return this.version >= FETCH_TOPIC_IDS_SINCE;
  }

  /** `at` is where the body starts. False: the request is malformed. */
  begin(bytes: Uint8Array, view: DataView, at: number, end: number, version: number): boolean {
    const wire = this.#wire;
    wire.begin(bytes, view, at, end, version >= FETCH_FLEXIBLE_SINCE);
    this.version = version;
    this.replicaId = version < REPLICA_STATE_SINCE ? wire.int32() : -1;
    this.maxWaitMs = wire.int32();
    this.minBytes = wire.int32();
    this.maxBytes = wire.int32();
    this.isolationLevel = wire.int8();
    this.sessionId = version >= SESSIONS_SINCE ? wire.int32() : 0;
    this.sessionEpoch = version >= SESSIONS_SINCE ? wire.int32() : -1;
    this.topicCount = wire.arrayCount();
    this.#topicsAt = wire.at;
    this.#resetTotals();
    this.rewind();
    return !wire.isBroken;
  }

  /** Back to the first topic. */
  rewind(): void {
    this.#wire.at = this.#topicsAt;
    this.#topicsLeft = this.topicCount;
    this.#partitionsLeft = 0;
  }

  /** Walks everything once and rewinds. False: some length or count does not fit the frame. */
  validate(): boolean {
    this.#resetTotals();
    while (this.nextTopic()) {
      this.partitionTotal += this.partitionCount;
      this.topicNameBytesTotal += this.nameLength;
      while (this.nextPartition());
    }
    this.#forgottenAt = this.#wire.at;
    this.beginForgotten();
    while (this.nextForgottenTopic()) {
      this.forgottenPartitionTotal += this.partitionCount;
      while (this.nextForgottenPartition());
    }
    this.#walkTail();
    if (this.#wire.isBroken) return false;
    this.rewind();
    return true;
  }

  /** Goes to the next topic; the partitions of the one before must have been walked to their end. */
  nextTopic(): boolean {
    assert(this.#partitionsLeft === 0 || this.isBroken, 'all partitions of a topic are walked before the next topic');
    if (this.#topicsLeft === 0 || this.isBroken) return false;
    this.#topicsLeft--;
    this.#readTopic();
    this.#partitionsLeft = this.partitionCount;
    if (this.partitionCount === 0) this.#wire.skipTags();
    return !this.isBroken;
  }

  nextPartition(): boolean {
    const wire = this.#wire;
    if (this.#partitionsLeft === 0 || wire.isBroken) return false;
    this.#partitionsLeft--;
    this.partition = wire.int32();
    this.currentLeaderEpoch = this.version >= 9 ? wire.int32() : -1;
    this.fetchOffset = wire.clampedInt64();
    this.lastFetchedEpoch = this.version >= 12 ? wire.int32() : -1;
    this.logStartOffset = this.version >= 5 ? wire.clampedInt64() : -1;
    this.partitionMaxBytes = wire.int32();
    wire.skipTags();
    // The topic's own tagged fields follow its last partition.
    if (this.#partitionsLeft === 0) wire.skipTags();
    return !wire.isBroken;
  }

  /** Goes to the partitions that the client takes out of its fetch session; only after `validate`. */
  beginForgotten(): void {
    const wire = this.#wire;
    if (!wire.isBroken) wire.at = this.#forgottenAt;
    this.forgottenTopicCount = this.version >= SESSIONS_SINCE ? wire.arrayCount() : 0;
    this.#forgottenTopicsLeft = this.forgottenTopicCount;
    this.#forgottenPartitionsLeft = 0;
  }

  nextForgottenTopic(): boolean {
    assert(this.#forgottenPartitionsLeft === 0 || this.isBroken, 'a forgotten topic is walked before the next one');
    if (this.#forgottenTopicsLeft === 0 || this.isBroken) return false;
    this.#forgottenTopicsLeft--;
    this.#readTopic();
    this.#forgottenPartitionsLeft = this.partitionCount;
    if (this.partitionCount === 0) this.#wire.skipTags();
    return !this.isBroken;
  }

  nextForgottenPartition(): boolean {
    if (this.#forgottenPartitionsLeft === 0 || this.isBroken) return false;
    this.#forgottenPartitionsLeft--;
    this.partition = this.#wire.int32();
    if (this.#forgottenPartitionsLeft === 0) this.#wire.skipTags();
    return !this.isBroken;
  }

  #resetTotals(): void {
    this.partitionTotal = 0;
    this.topicNameBytesTotal = 0;
    this.forgottenTopicCount = 0;
    this.forgottenPartitionTotal = 0;
    this.rackAt = 0;
    this.rackLength = 0;
  }

  #readTopic(): void {
    const wire = this.#wire;
    if (this.version >= FETCH_TOPIC_IDS_SINCE) {
      this.topicIdAt = wire.skip(16);
      this.nameLength = 0;
    } else {
      this.nameLength = wire.requiredLength(wire.stringLength());
      this.nameAt = wire.skip(this.nameLength);
    }
    this.partitionCount = wire.arrayCount();
  }

  /** Rack and the tagged fields of the request, in which replicas say who they are. */
  #walkTail(): void {
    const wire = this.#wire;
    if (this.version >= 11) {
      this.rackLength = wire.requiredLength(wire.stringLength());
      this.rackAt = wire.skip(this.rackLength);
    }
    if (!wire.isFlexible) return;
    for (let count = wire.unsignedVarint(); count > 0 && !wire.isBroken; count--) {
      const tag = wire.unsignedVarint();
      const length = wire.unsignedVarint();
      const at = wire.skip(length);
      const isReplicaState = tag === REPLICA_STATE_TAG && this.version >= REPLICA_STATE_SINCE;
      if (isReplicaState && length >= 4 && !wire.isBroken) this.replicaId = wire.view.getInt32(at);
    }
  }
}
