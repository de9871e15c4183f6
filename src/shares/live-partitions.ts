/**
 * The share partitions that are in use, by group. Opens them when they are wanted, once however many want them, and lets
 * go of those whose group has no session any more.
 */
import { LivePartition, type LivePartitionParts, type Opened } from './live-partition.ts';
import { type ShareKey, shareKeyText } from './share-key.ts';

export class LivePartitions {
  private readonly parts: LivePartitionParts;
  private readonly groups = new Map<string, Map<string, Promise<Opened>>>();
  private readonly live = new Map<string, LivePartition>();

  constructor(parts: LivePartitionParts) {
    this.parts = parts;
  }

  get count(): number {
    return this.live.size;
  }

  /** Throws Fault when the stored state cannot be read. */
  async open(key: ShareKey): Promise<Opened> {
    const text = shareKeyText(key);
    const known = this.live.get(text);
    if (known !== undefined && !known.isGone) return { kind: 'live', live: known };
    if (known !== undefined) this.close(key.groupId, [key]);
    const group = this.groups.get(key.groupId) ?? new Map<string, Promise<Opened>>();
    this.groups.set(key.groupId, group);
    const opening = group.get(text) ?? this.openNew(key, text);
    group.set(text, opening);
    try {
      const opened = await opening;
      // Nothing is kept of a refusal: it may be otherwise the next time.
      if (opened.kind === 'refused') this.forget(key.groupId, text, opening);
      return opened;
    } catch (error) {
      this.forget(key.groupId, text, opening);
      throw error;
    }
  }

  /** Null when it is not in use. */
  find(key: ShareKey): LivePartition | null {
    const live = this.live.get(shareKeyText(key));
    return live === undefined || live.isGone ? null : live;
  }

  /** All partitions of a group in use. */
  of(groupId: string): LivePartition[] {
    const found: LivePartition[] = [];
    for (const text of this.groups.get(groupId)?.keys() ?? []) {
      const live = this.live.get(text);
      if (live !== undefined && !live.isGone) found.push(live);
    }
    return found;
  }

  /** The group lets go of these, or of all. Whoever wants them next opens them anew. */
  close(groupId: string, keys: readonly ShareKey[] | null = null): void {
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    for (const text of keys === null ? [...group.keys()] : keys.map(shareKeyText)) {
      this.live.get(text)?.end();
      this.live.delete(text);
      group.delete(text);
    }
    if (group.size === 0) this.groups.delete(groupId);
  }

  /** The topic is gone. */
  closeTopic(topicId: string): void {
    for (const live of [...this.live.values()]) {
      if (live.key.topicId === topicId) this.close(live.key.groupId, [live.key]);
    }
  }

  private async openNew(key: ShareKey, text: string): Promise<Opened> {
    const opened = await LivePartition.open(this.parts, key);
    if (opened.kind === 'refused') return opened;
    // Closed while it was opened: this one is not to be used.
    if (this.groups.get(key.groupId)?.has(text) === true) this.live.set(text, opened.live);
    else opened.live.end();
    return opened;
  }

  private forget(groupId: string, text: string, opening: Promise<Opened>): void {
    const group = this.groups.get(groupId);
    if (group?.get(text) !== opening) return;
    group.delete(text);
    if (group.size === 0) this.groups.delete(groupId);
  }
}
