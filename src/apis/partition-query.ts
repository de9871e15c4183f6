/**
 * What ListOffsets and OffsetForLeaderEpoch have in common: a question per partition to its worker, an answer built from
 * the receipts. They are rare, so they go through the compiled schemas and make ordinary objects.
 */

import { must } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { Connection } from '../net/connection.ts';
import {
  BEGIN_BROKEN,
  BEGIN_WAITS,
  BEGUN,
  ENTRIES_KEPT,
  type Exchange,
  SETTLE_CLOSES,
  SETTLE_WAITS,
  SETTLED,
} from '../net/exchange.ts';
import type { FrontAccess } from '../net/front-access.ts';
import type { FrontFace } from '../net/front-face.ts';
import { NO_PARTITION } from '../net/route-table.ts';
import { OPERATION_CLUSTER_ACTION, OPERATION_DESCRIBE } from '../protocol/acl.ts';
import type { Api } from '../protocol/api.ts';
import { decodeRequest } from '../protocol/compile.ts';
import { errorCode } from '../protocol/errors.ts';
import { encodeResponseFrame } from '../protocol/frame.ts';
import { REQUEST_ELEMENTS_MAX, Reader } from '../protocol/reader.ts';
import { Writer } from '../protocol/writer.ts';
import { RECEIPT_ERROR, SLOT_ENTRY, SLOT_EXCHANGE, SLOT_KIND, SLOT_PARTITION, SLOT_WORDS } from '../zerocopy/layout.ts';
import type { GuardedDataApi } from './access.ts';

/** One partition of a request, and what its worker said. */
export interface Question {
  readonly topic: string;
  readonly partition: number;
  /** The epoch the client believes in; -1: it does not say. */
  readonly leaderEpoch: number;
  /** A timestamp, or an epoch. */
  readonly asksFor: number;
  /** Known before anybody is asked; 0: ask. */
  error: number;
  offset: number;
  timestamp: number;
  epoch: number;
}

export interface PartitionQuery<Request, ResponseInput> {
  readonly api: Api<Request, unknown, unknown, ResponseInput>;
  readonly jobKind: number;
  readonly access: GuardedDataApi['access'];
  /** Brokers ask as well, for all topics. */
  readonly isForBrokers: boolean;
  /** In request order. */
  questionsOf(request: Request, version: number): Question[];
  /** Fills the job's own fields. */
  writeJob(request: Request, question: Question, words: Int32Array, at: number, numbers: Float64Array): void;
  readReceipt(question: Question, words: Int32Array, at: number, numbers: Float64Array): void;
  answerOf(request: Request, questions: readonly Question[]): ResponseInput;
}

interface Asked<Request> {
  readonly request: Request;
  readonly questions: Question[];
  response: Uint8Array | null;
}

const RESPONSE_BYTES_MAX = 64 << 20;

export class PartitionQueryApi<Request, ResponseInput> implements GuardedDataApi {
  readonly key: number;
  readonly name: string;
  readonly versionMin: number;
  readonly versionMax: number;
  readonly access: GuardedDataApi['access'];
  private readonly query: PartitionQuery<Request, ResponseInput>;
  private readonly asked = new Map<number, Asked<Request>>();

  constructor(query: PartitionQuery<Request, ResponseInput>) {
    this.query = query;
    this.access = query.access;
    this.key = query.api.key;
    this.name = query.api.name;
    this.versionMin = query.api.versions[0];
    this.versionMax = query.api.versions[1];
  }

  begin(front: FrontFace, exchange: Exchange): number {
    const asked = this.asked.get(exchange.index) ?? this.decode(front, exchange);
    if (asked === null) return BEGIN_BROKEN;
    while (exchange.entriesBegun < asked.questions.length) {
      if (!this.ask(front, exchange, asked, exchange.entriesBegun)) return BEGIN_WAITS;
      exchange.entriesBegun += 1;
    }
    if (exchange.pending === 0) front.ready(exchange);
    return BEGUN;
  }

  onReceipt(_front: FrontFace, exchange: Exchange, words: Int32Array, at: number, numbers: Float64Array): void {
    const question = must(this.askedBy(exchange).questions[words[at + SLOT_ENTRY]!], 'a receipt answers a question');
    question.error = words[at + RECEIPT_ERROR]!;
    if (question.error === 0) this.query.readReceipt(question, words, at, numbers);
  }

  onIdle(): boolean {
    return true;
  }

  onWake(): void {}

  settle(front: FrontFace, exchange: Exchange): number {
    const asked = this.askedBy(exchange);
    const connection = must(exchange.connection, 'a settled exchange has its connection');
    if (exchange.meters !== null && exchange.throttleMs < 0) {
      exchange.throttleMs = front.throttle.worked(exchange.meters, exchange.busyMs, front.nowMs);
    }
    asked.response ??= this.encode(exchange, asked);
    if (asked.response === null || asked.response.length > front.outbox.slab.bytesTotal) return SETTLE_CLOSES;
    const at = front.outbox.open(connection, asked.response.length);
    if (at < 0) return SETTLE_WAITS;
    front.outbox.bytes.set(asked.response, at);
    front.outbox.commit(connection, asked.response.length);
    exchange.hasErrors = asked.questions.some((question) => question.error !== 0);
    return SETTLED;
  }

  end(_front: FrontFace, exchange: Exchange): void {
    this.asked.delete(exchange.index);
  }

  private decode(front: FrontFace, exchange: Exchange): Asked<Request> | null {
    const { bytes, view } = front.slab.memory;
    try {
      const reader = new Reader(bytes, view, exchange.bodyAt, exchange.bodyEnd, REQUEST_ELEMENTS_MAX);
      const request = decodeRequest(this.query.api, exchange.version, reader);
      const questions = this.query.questionsOf(request, exchange.version);
      // Only so that many of them count: what is asked is kept here.
      if (questions.length > ENTRIES_KEPT && !exchange.holdEntries(questions.length)) return null;
      if (front.access.isOn) this.refuseDenied(front.access, must(exchange.connection, 'who asks has one'), questions);
      const asked = { request, questions, response: null };
      this.asked.set(exchange.index, asked);
      exchange.entryCount = questions.length;
      front.dropFrame(exchange);
      return asked;
    } catch (error) {
      if (isFault(error)) return null;
      throw error;
    }
  }

  /** Of what a client may not see it learns nothing else. */
  private refuseDenied(access: FrontAccess, connection: Connection, questions: readonly Question[]): void {
    const { isForBrokers, api } = this.query;
    if (isForBrokers && access.mayCluster(connection, OPERATION_CLUSTER_ACTION, api.name, true)) return;
    const decided = new Map<string, boolean>();
    for (const question of questions) {
      const isAllowed =
        decided.get(question.topic) ?? access.mayName(connection, OPERATION_DESCRIBE, question.topic, api.name);
      decided.set(question.topic, isAllowed);
      if (!isAllowed) question.error = errorCode.TOPIC_AUTHORIZATION_FAILED;
    }
  }

  /** False: the lane is full. */
  private ask(front: FrontFace, exchange: Exchange, asked: Asked<Request>, entry: number): boolean {
    const question = must(asked.questions[entry], 'an entry has its question');
    if (question.error !== 0) return true;
    const name = new TextEncoder().encode(question.topic);
    const topic = front.routes.findByName(name, 0, name.length);
    const partitionSlot = topic === null ? NO_PARTITION : topic.slotOf(question.partition);
    if (topic === null || partitionSlot < 0) {
      const isUnknown = partitionSlot === NO_PARTITION;
      question.error = isUnknown ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.NOT_LEADER_OR_FOLLOWER;
      return true;
    }
    const worker = must(topic.workers[question.partition], 'a routed partition has a worker');
    const slot = front.lanes.claim(worker);
    if (slot < 0) return false;
    const { words, numbers } = front.lanes.laneOf(worker).outgoing;
    const at = slot * SLOT_WORDS;
    words[at + SLOT_KIND] = this.query.jobKind;
    words[at + SLOT_EXCHANGE] = exchange.index;
    words[at + SLOT_ENTRY] = entry;
    words[at + SLOT_PARTITION] = partitionSlot;
    this.query.writeJob(asked.request, question, words, at, numbers);
    exchange.pending += 1;
    return true;
  }

  /** Null: the answer is longer than any may be. */
  private encode(exchange: Exchange, asked: Asked<Request>): Uint8Array | null {
    const writer = new Writer(RESPONSE_BYTES_MAX);
    const throttleTimeMs = Math.max(0, exchange.throttleMs);
    const answer = { ...this.query.answerOf(asked.request, asked.questions), throttleTimeMs };
    try {
      encodeResponseFrame(this.query.api, exchange.version, exchange.correlationId, answer, writer);
    } catch (error) {
      if (isFault(error)) return null;
      throw error;
    }
    return writer.written();
  }

  private askedBy(exchange: Exchange): Asked<Request> {
    return must(this.asked.get(exchange.index), 'an exchange under way was decoded');
  }
}

/** The questions of a request grouped into its topics again. */
export function regroup<T extends { readonly partitions: readonly unknown[] }, R>(
  topics: readonly T[],
  questions: readonly Question[],
  build: (topic: T, questions: readonly Question[]) => R,
): R[] {
  let from = 0;
  return topics.map((topic) => {
    const mine = questions.slice(from, from + topic.partitions.length);
    from += topic.partitions.length;
    return build(topic, mine);
  });
}
