/**
 * Topic-partition → worker and slot, as this front knows it. Main posts a numbered image at start and one topic at a
 * time afterwards; the hot path looks topics up by the bytes that stand in a request, without making strings.
 *
 * A topic is an object that lives as long as the topic: parked fetches and fetch sessions hold on to it, and see at its
 * `isLive` that it was deleted. Open addressing over two tables (names, ids), rebuilt when they are more than half full.
 */
import { assert } from '../base/assert.ts';

/** What main posts. Slot and worker are -1 where another broker leads the partition. */
export interface RoutePartition {
  readonly slot: number;
  readonly worker: number;
  readonly leaderEpoch: number;
}

export interface RouteTopic {
  readonly name: string;
  /** 16 bytes. */
  readonly id: Uint8Array;
  /** Index is the partition's number. */
  readonly partitions: readonly RoutePartition[];
  /** The broker keeps things of its own there: clients may read, not write. Left out: no. */
  readonly isInternal?: boolean;
}

export type RouteUpdate =
  | { readonly kind: 'image'; readonly version: number; readonly topics: readonly RouteTopic[] }
  | { readonly kind: 'topic'; readonly version: number; readonly topic: RouteTopic }
  | { readonly kind: 'topic-gone'; readonly version: number; readonly name: string; readonly id: Uint8Array };

export class Topic {
  readonly name: Uint8Array;
  readonly id: Uint8Array;
  readonly nameHash: number;
  readonly idHash: number;
  readonly isInternal: boolean;
  slots: Int32Array;
  workers: Int32Array;
  isLive = true;

  constructor(route: RouteTopic) {
    assert(route.id.length === ID_BYTES, 'a topic id has 16 bytes');
    this.name = new TextEncoder().encode(route.name);
    this.id = Uint8Array.from(route.id);
    this.nameHash = hashBytes(this.name, 0, this.name.length);
    this.idHash = hashBytes(this.id, 0, ID_BYTES);
    this.isInternal = route.isInternal ?? false;
    this.slots = slotsOf(route);
    this.workers = workersOf(route);
  }

  get partitionCount(): number {
    return this.slots.length;
  }

  /** The partition's slot; NO_PARTITION when there is none, LED_ELSEWHERE when another broker leads it. */
  slotOf(partition: number): number {
    if (partition < 0 || partition >= this.slots.length) return NO_PARTITION;
    const slot = this.slots[partition]!;
    return slot < 0 ? LED_ELSEWHERE : slot;
  }
}

export const NO_PARTITION = -1;
export const LED_ELSEWHERE = -2;
const ID_BYTES = 16;
const TABLE_START = 64;

export class RouteTable {
  version = -1;
  private readonly topics = new Map<string, Topic>();
  private byName: (Topic | null)[] = new Array<Topic | null>(TABLE_START).fill(null);
  private byId: (Topic | null)[] = new Array<Topic | null>(TABLE_START).fill(null);

  get topicCount(): number {
    return this.topics.size;
  }

  findByName(bytes: Uint8Array, at: number, length: number): Topic | null {
    const mask = this.byName.length - 1;
    let index = hashBytes(bytes, at, length) & mask;
    for (let probe = 0; probe <= mask; probe++) {
      const topic = this.byName[index]!;
      if (topic === null) return null;
      if (topic.name.length === length && equalBytes(topic.name, bytes, at, length)) return topic;
      index = (index + 1) & mask;
    }
    return null;
  }

  findById(bytes: Uint8Array, at: number): Topic | null {
    const mask = this.byId.length - 1;
    let index = hashBytes(bytes, at, ID_BYTES) & mask;
    for (let probe = 0; probe <= mask; probe++) {
      const topic = this.byId[index]!;
      if (topic === null) return null;
      if (equalBytes(topic.id, bytes, at, ID_BYTES)) return topic;
      index = (index + 1) & mask;
    }
    return null;
  }

  /** Rare: main changed something. An update that is older than what is known is ignored. */
  apply(update: RouteUpdate): void {
    if (update.version <= this.version) return;
    this.version = update.version;
    switch (update.kind) {
      case 'image':
        this.replaceAll(update.topics);
        break;
      case 'topic':
        this.put(update.topic);
        break;
      case 'topic-gone':
        this.remove(update.name, update.id);
        break;
    }
    this.rebuild();
  }

  private replaceAll(routes: readonly RouteTopic[]): void {
    const kept = new Set<string>();
    for (const route of routes) {
      kept.add(route.name);
      this.put(route);
    }
    for (const [name, topic] of this.topics) {
      if (!kept.has(name)) this.remove(name, topic.id);
    }
  }

  private put(route: RouteTopic): void {
    const known = this.topics.get(route.name);
    if (known !== undefined && equalBytes(known.id, route.id, 0, ID_BYTES)) {
      known.slots = slotsOf(route);
      known.workers = workersOf(route);
      return;
    }
    if (known !== undefined) known.isLive = false;
    this.topics.set(route.name, new Topic(route));
  }

  private remove(name: string, id: Uint8Array): void {
    const topic = this.topics.get(name);
    if (topic === undefined || !equalBytes(topic.id, id, 0, ID_BYTES)) return;
    topic.isLive = false;
    this.topics.delete(name);
  }

  private rebuild(): void {
    let size = TABLE_START;
    while (size < this.topics.size * 2) size *= 2;
    this.byName = new Array<Topic | null>(size).fill(null);
    this.byId = new Array<Topic | null>(size).fill(null);
    for (const topic of this.topics.values()) {
      insert(this.byName, topic, topic.nameHash);
      insert(this.byId, topic, topic.idHash);
    }
  }
}

function slotsOf(route: RouteTopic): Int32Array {
  return Int32Array.from(route.partitions, (partition) => partition.slot);
}

function workersOf(route: RouteTopic): Int32Array {
  return Int32Array.from(route.partitions, (partition) => partition.worker);
}

function insert(table: (Topic | null)[], topic: Topic, hash: number): void {
  const mask = table.length - 1;
  let index = hash & mask;
  while (table[index] !== null) index = (index + 1) & mask;
  table[index] = topic;
}

/** FNV-1a with a final mix, so that topics numbered in their last letters spread over the low bits. */
export function hashBytes(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5;
  for (let index = at; index < at + length; index++) hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 1;
}

export function equalBytes(expected: Uint8Array, bytes: Uint8Array, at: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (expected[index] !== bytes[at + index]) return false;
  }
  return true;
}
