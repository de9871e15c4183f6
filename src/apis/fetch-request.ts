/**
 * From a Fetch request's bytes to a plan: limits, and the partitions of the request or of its session (KIP-227).
 *
 *   id 0, epoch -1   without a session            id n, epoch -1   close session n, then the same
 *   epoch 0          a new session (n is closed)  epoch > 0        the next fetch of session n: only what changed is named
 */

import type { FrontFace } from '../net/front-face.ts';
import type { Topic } from '../net/route-table.ts';
import { errorCode } from '../protocol/errors.ts';
import type { FetchCursor } from '../protocol/fetch-cursor.ts';
import { BOARD_SLOTS_MAX } from '../zerocopy/layout.ts';
import type { FetchPlan } from './fetch-plan.ts';
import { type FetchEntry, type FetchSession, type FetchSessions, strangerFrom } from './fetch-sessions.ts';

const EPOCH_CLOSE = -1;
/** A client that knows no leader epoch; everything negative says so. */
const NO_EPOCH = -1;
const EPOCH_NEW = 0;
const READ_COMMITTED = 1;
const TOPIC_ID_BYTES = 16;
/** By slot, where its partition stands in the plan that is being made, if what stands there is that partition. */
const placeOfSlot = new Int32Array(BOARD_SLOTS_MAX);

/** The cursor is validated; nothing of the request is needed afterwards. */
export function planFetch(
  front: FrontFace,
  plan: FetchPlan,
  cursor: FetchCursor,
  sessions: FetchSessions,
  startedMs: number,
): void {
  plan.reset();
  plan.usesIds = cursor.hasTopicIds;
  plan.isFromBroker = cursor.replicaId >= 0;
  plan.isCommitted = cursor.isolationLevel === READ_COMMITTED;
  plan.bytesMax = Math.max(0, Math.min(cursor.maxBytes, front.limits.fetchBytesMax));
  plan.bytesMin = Math.min(cursor.minBytes, plan.bytesMax);
  plan.deadlineMs = startedMs + Math.max(0, cursor.maxWaitMs);
  if (cursor.sessionEpoch === EPOCH_CLOSE || cursor.sessionEpoch === EPOCH_NEW) {
    const old = cursor.sessionId === 0 ? null : sessions.find(cursor.sessionId);
    if (old !== null) sessions.close(old);
    const wantsSession = cursor.sessionEpoch === EPOCH_NEW;
    const session = wantsSession ? sessions.create(plan.usesIds, front.nowMs) : null;
    if (session === null) takeOwn(front, plan, cursor);
    else begin(front, plan, cursor, sessions, session);
    return;
  }
  continueSession(front, plan, cursor, sessions);
}

function takeOwn(front: FrontFace, plan: FetchPlan, cursor: FetchCursor): void {
  while (cursor.nextTopic()) {
    const topic = routed(front, cursor) ?? stranger(cursor);
    while (cursor.nextPartition()) fill(ownEntry(plan, topic, cursor.partition), cursor);
  }
}

/** As in Kafka, a partition that is named again is one partition: each that waits is looked at whenever it moves. */
function ownEntry(plan: FetchPlan, topic: Topic, partition: number): FetchEntry {
  const slot = topic.slotOf(partition);
  if (slot < 0) return plan.addOwn(topic, partition);
  const place = placeOfSlot[slot]!;
  if (place < plan.count) {
    const known = plan.entryAt(place);
    if (known.topic === topic && known.partition === partition) return known;
  }
  placeOfSlot[slot] = plan.count;
  return plan.addOwn(topic, partition);
}

function begin(
  front: FrontFace,
  plan: FetchPlan,
  cursor: FetchCursor,
  sessions: FetchSessions,
  session: FetchSession,
): void {
  update(front, cursor, sessions, session);
  session.isBusy = true;
  plan.useSession(session);
}

function continueSession(front: FrontFace, plan: FetchPlan, cursor: FetchCursor, sessions: FetchSessions): void {
  const session = sessions.find(cursor.sessionId);
  plan.error = problemOf(session, cursor);
  if (session === null || plan.error !== 0) return;
  sessions.touch(session, front.nowMs);
  update(front, cursor, sessions, session);
  forget(front, cursor, sessions, session);
  if (sessions.isTooLarge(session)) {
    sessions.close(session);
    plan.error = errorCode.FETCH_SESSION_ID_NOT_FOUND;
    return;
  }
  session.advanceEpoch();
  if (session.entries.length === 0) {
    // Nothing is left to fetch: the session ends, and the answer says so with id 0.
    sessions.close(session);
    return;
  }
  session.isBusy = true;
  plan.useSession(session);
  plan.isIncremental = true;
}

function problemOf(session: FetchSession | null, cursor: FetchCursor): number {
  if (session === null) return errorCode.FETCH_SESSION_ID_NOT_FOUND;
  if (session.isBusy || cursor.sessionEpoch !== session.epoch) return errorCode.INVALID_FETCH_SESSION_EPOCH;
  return session.usesIds === cursor.hasTopicIds ? 0 : errorCode.FETCH_SESSION_TOPIC_ID_ERROR;
}

function update(front: FrontFace, cursor: FetchCursor, sessions: FetchSessions, session: FetchSession): void {
  while (cursor.nextTopic()) {
    const gone = known(session, cursor);
    const topic = routed(front, cursor) ?? gone ?? stranger(cursor);
    while (cursor.nextPartition()) {
      let entry = session.find(topic, cursor.partition);
      if (entry === null) {
        // Made anew under its name, which nobody has looked at yet: the partition is there once.
        entry = gone === null ? null : session.find(gone, cursor.partition);
        if (entry !== null) session.retarget(entry, topic);
      }
      if (entry === null) {
        entry = session.add(topic, cursor.partition);
        sessions.recount(1);
      }
      fill(entry, cursor);
    }
  }
}

function forget(front: FrontFace, cursor: FetchCursor, sessions: FetchSessions, session: FetchSession): void {
  cursor.beginForgotten();
  while (cursor.nextForgottenTopic()) {
    const topic = routed(front, cursor);
    const gone = known(session, cursor);
    while (cursor.nextForgottenPartition()) {
      const isForgotten =
        (topic !== null && session.forget(topic, cursor.partition)) ||
        (gone !== null && session.forget(gone, cursor.partition));
      if (isForgotten) sessions.recount(-1);
    }
  }
  session.sweep();
}

function fill(entry: FetchEntry, cursor: FetchCursor): void {
  entry.fetchOffset = cursor.fetchOffset;
  entry.bytesMax = Math.max(0, cursor.partitionMaxBytes);
  entry.leaderEpoch = Math.max(NO_EPOCH, cursor.currentLeaderEpoch);
}

function routed(front: FrontFace, cursor: FetchCursor): Topic | null {
  if (cursor.hasTopicIds) return front.routes.findById(cursor.bytes, cursor.topicIdAt);
  return front.routes.findByName(cursor.bytes, cursor.nameAt, cursor.nameLength);
}

function known(session: FetchSession, cursor: FetchCursor): Topic | null {
  if (cursor.hasTopicIds) return session.strangerOf(cursor.bytes, cursor.topicIdAt, TOPIC_ID_BYTES);
  return session.strangerOf(cursor.bytes, cursor.nameAt, cursor.nameLength);
}

function stranger(cursor: FetchCursor): Topic {
  if (cursor.hasTopicIds) return strangerFrom(cursor.bytes, cursor.topicIdAt, TOPIC_ID_BYTES, true);
  return strangerFrom(cursor.bytes, cursor.nameAt, cursor.nameLength, false);
}
