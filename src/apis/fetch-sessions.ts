/**
 * Fetch sessions (KIP-227): the partitions a consumer fetches again and again stay here, so that its requests name only
 * what changed, and responses only what is new. One cache per front, bounded by slots; a session that was not used for a
 * while makes room for a new one.
 *
 * A session is busy while a request of it is under way: its partitions must not change under a parked fetch. A second
 * request in that time gets INVALID_FETCH_SESSION_EPOCH, after which clients start a new session.
 */
import { assert } from '../base/assert.ts';
import { type RouteTable, Topic } from '../net/route-table.ts';
import { BOARD_SLOTS_MAX } from '../zerocopy/layout.ts';

/** One partition that is fetched, in a session or in one request. */
export class FetchEntry {
  topic: Topic;
  partition: number;
  fetchOffset = 0;
  bytesMax = 0;
  leaderEpoch = -1;
  /** What the client was told last; -1: nothing yet. */
  sentHigh = -1;
  sentLogStart = -1;

  constructor(topic: Topic, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }
}

const NAME_BYTES_MAX = 32_767;
const EPOCH_MAX = 0x7fff_ffff;
/** Partitions of all sessions together. */
const ENTRIES_MAX = 1_000_000;
export const NO_SESSION = 0;

export class FetchSession {
  readonly id: number;
  readonly usesIds: boolean;
  /** What the next request must say. */
  epoch = 1;
  lastUsedMs = 0;
  isBusy = false;
  isClosed = false;
  readonly entries: FetchEntry[] = [];
  /** Where the next fetch begins: those that got nothing for want of bytes come first. */
  first = 0;
  private readonly byTopic = new Map<Topic, Map<number, FetchEntry>>();
  /** By name or id, whichever the client uses: the topic that came last. */
  private readonly byKey = new Map<string, Topic>();
  private readonly forgotten = new Set<FetchEntry>();

  constructor(id: number, usesIds: boolean) {
    this.id = id;
    this.usesIds = usesIds;
  }

  advanceEpoch(): void {
    this.epoch = this.epoch === EPOCH_MAX ? 1 : this.epoch + 1;
  }

  find(topic: Topic, partition: number): FetchEntry | null {
    return this.byTopic.get(topic)?.get(partition) ?? null;
  }

  add(topic: Topic, partition: number): FetchEntry {
    assert(this.find(topic, partition) === null, 'a session holds a partition once');
    const entry = new FetchEntry(topic, partition);
    this.entries.push(entry);
    this.index(entry);
    return entry;
  }

  /** The topic of a name or id came to be, or was made anew. */
  retarget(entry: FetchEntry, topic: Topic): void {
    this.unindex(entry);
    entry.topic = topic;
    entry.sentHigh = -1;
    entry.sentLogStart = -1;
    this.index(entry);
  }

  /** It is among the entries until `sweep`. */
  forget(topic: Topic, partition: number): boolean {
    const entry = this.find(topic, partition);
    if (entry === null) return false;
    this.unindex(entry);
    this.forgotten.add(entry);
    return true;
  }

  /** Takes out all that were forgotten, in one pass. */
  sweep(): void {
    const { entries, forgotten } = this;
    if (forgotten.size === 0) return;
    let kept = 0;
    for (const entry of entries) if (!forgotten.has(entry)) entries[kept++] = entry;
    entries.length = kept;
    forgotten.clear();
    this.first = 0;
  }

  /** The topic in this session that nobody routes: it keeps the name or id by which the client knows it. */
  strangerOf(bytes: Uint8Array, at: number, length: number): Topic | null {
    const topic = this.byKey.get(keyOf(bytes, at, length));
    return topic === undefined || topic.isLive ? null : topic;
  }

  private index(entry: FetchEntry): void {
    let partitions = this.byTopic.get(entry.topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.byTopic.set(entry.topic, partitions);
      this.byKey.set(this.keyOf(entry.topic), entry.topic);
    }
    partitions.set(entry.partition, entry);
  }

  private unindex(entry: FetchEntry): void {
    const partitions = this.byTopic.get(entry.topic);
    partitions?.delete(entry.partition);
    if (partitions?.size !== 0) return;
    this.byTopic.delete(entry.topic);
    const key = this.keyOf(entry.topic);
    if (this.byKey.get(key) === entry.topic) this.byKey.delete(key);
  }

  private keyOf(topic: Topic): string {
    const key = this.usesIds ? topic.id : topic.name;
    return keyOf(key, 0, key.length);
  }
}

export class FetchSessions {
  /** Least recently used first: a Map keeps the order of insertion. */
  private readonly sessions = new Map<number, FetchSession>();
  private readonly slotsMax: number;
  private readonly idleMs: number;
  private readonly idStep: number;
  private readonly idLow: number;
  private readonly random: (below: number) => number;
  private entryCount = 0;

  /**
   * Ids are drawn by lot: whoever knows one may end that session, or go on with it. They stay `idRest` modulo `idStep`, the
   * number of fronts: no session of one front has the number of another's, so a client that comes back to another front is
   * told that its session is not there.
   */
  constructor(slotsMax: number, idleMs: number, random: (below: number) => number, idStep = 1, idRest = 0) {
    assert(idRest >= 0 && idRest < idStep, 'a rest is below what is divided by');
    this.slotsMax = slotsMax;
    this.idleMs = idleMs;
    this.idStep = idStep;
    this.idLow = idRest === 0 ? idStep : idRest;
    this.random = random;
  }

  get count(): number {
    return this.sessions.size;
  }

  find(id: number): FetchSession | null {
    return this.sessions.get(id) ?? null;
  }

  /** Null: all slots hold sessions that are in use; the client then fetches without one. */
  create(usesIds: boolean, nowMs: number): FetchSession | null {
    if (this.entryCount >= ENTRIES_MAX) return null;
    if (this.sessions.size >= this.slotsMax && !this.evict(nowMs)) return null;
    const session = new FetchSession(this.takeId(), usesIds);
    session.lastUsedMs = nowMs;
    this.sessions.set(session.id, session);
    return session;
  }

  touch(session: FetchSession, nowMs: number): void {
    session.lastUsedMs = nowMs;
    this.sessions.delete(session.id);
    this.sessions.set(session.id, session);
  }

  /** The session's number of partitions changed by so many. */
  recount(change: number): void {
    this.entryCount += change;
    assert(this.entryCount >= 0, 'sessions count their partitions');
  }

  /** It has more partitions than a broker, or made all sessions together too large. */
  isTooLarge(session: FetchSession): boolean {
    return session.entries.length > BOARD_SLOTS_MAX || this.entryCount > ENTRIES_MAX + BOARD_SLOTS_MAX;
  }

  close(session: FetchSession): void {
    if (!this.sessions.delete(session.id)) return;
    session.isClosed = true;
    this.recount(-session.entries.length);
  }

  private evict(nowMs: number): boolean {
    for (const session of this.sessions.values()) {
      if (nowMs - session.lastUsedMs < this.idleMs) return false;
      if (session.isBusy) continue;
      this.close(session);
      return true;
    }
    return false;
  }

  private takeId(): number {
    for (;;) {
      const id = this.random(Math.floor(EPOCH_MAX / this.idStep)) * this.idStep + this.idLow;
      if (!this.sessions.has(id)) return id;
    }
  }
}

/** Bytes as a text that no other bytes have. */
function keyOf(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
}

/** A topic that is not routed, remembered by what the client calls it. */
export function strangerFrom(bytes: Uint8Array, at: number, length: number, isId: boolean): Topic {
  assert(length <= NAME_BYTES_MAX, 'a name has the length of a name');
  const id = new Uint8Array(16);
  let name = '';
  if (isId) id.set(bytes.subarray(at, at + 16));
  else name = Buffer.from(bytes.subarray(at, at + length)).toString('utf8');
  const topic = new Topic({ name, id, partitions: [] });
  topic.isLive = false;
  return topic;
}

/** A topic that is gone may be back, under the same name or id. */
export function revived(routes: RouteTable, topic: Topic, usesIds: boolean): Topic | null {
  return usesIds ? routes.findById(topic.id, 0) : routes.findByName(topic.name, 0, topic.name.length);
}
