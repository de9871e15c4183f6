/**
 * One partition of `__consumer_offsets` and the groups that it keeps: their state in memory, rebuilt from the log at load,
 * and the log they are written to. Owned by the coordinator.
 *
 *          load()                replayed
 *   idle ─────────▶ loading ───────────────▶ ready ──── log lost, or stop ────▶ idle (dropped, loaded anew) / closed
 *
 * Whoever changes a group changes it here in memory at once, appends the records of the change, and answers its client
 * when the append has resolved. Everything in memory therefore lies in the log's order. When the log is lost, memory may
 * be ahead of it: all of it is dropped, those who wait are answered NOT_COORDINATOR, and the log is read again.
 */
import { assert } from '../base/assert.ts';
import type { Fault } from '../base/fault.ts';
import { isFault } from '../base/fault.ts';
import type { EntryFacts, LogProducer, LogReplay, StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { storedKind } from '../protocol/stored-record.ts';
import { CommittedOffsets } from './committed-offsets.ts';
import type { Group } from './group.ts';
import type { GroupKind } from './group-face.ts';
import { APPEND_BYTES_MAX } from './group-records.ts';

/** The log as a shard sees it; `CoordinatorLog` is one. */
export interface GroupLog {
  load(replay: LogReplay): Promise<void>;
  append(
    entries: readonly StoredEntry[],
    producer: LogProducer | null,
    isWanted?: (() => boolean) | undefined,
  ): Promise<void>;
}

/** Puts one stored record into memory. `value` is null for a tombstone. */
export type Replay = (shard: GroupShard, key: Uint8Array, value: Uint8Array | null, facts: EntryFacts) => void;

/**
 * One way of being a group (classic, consumer, share): the kinds of records it owns, and what it has to do when a shard
 * has come or gone.
 */
export interface GroupProtocol {
  /** The groups that are its own; null: none, it looks after something else. */
  readonly kind: GroupKind | null;
  readonly replays: readonly (readonly [kind: number, replay: Replay])[];
  /** Everything is in memory: set alarms, put right what cannot stay. May append. */
  loaded(shard: GroupShard): void;
  /** The shard's memory is about to be forgotten: forget alarms, answer who waits with the code. */
  dropped(shard: GroupShard, code: number): void;
  /** A group of its kind leaves the shard, without members: forget its alarms. */
  forget(group: Group): void;
}

export interface GroupShardParts {
  readonly partition: number;
  readonly openLog: () => GroupLog;
  readonly protocols: readonly GroupProtocol[];
  /** From the kinds of records to what replays them. */
  readonly replays: ReadonlyMap<number, Replay>;
  /** A record could not be read, or the log: told to people. */
  readonly onProblem: (message: string) => void;
  /** The log is lost, or did not load: `load` is to be called again in a while. */
  readonly onLost: (shard: GroupShard) => void;
}

/** What is written in several batches goes in pieces of about this size. */
const PIECE_BYTES = 512 << 10;
/** Of one shard: who asks for more finds no room. */
const GROUPS_MAX = 100_000;

type ShardState = 'idle' | 'loading' | 'ready' | 'closed';

export class GroupShard {
  readonly partition: number;
  /** By group id. */
  readonly groups = new Map<string, Group>();
  readonly offsets = new CommittedOffsets();
  private readonly parts: GroupShardParts;
  private state: ShardState = 'idle';
  private log: GroupLog | null = null;
  private loading: Promise<void> = Promise.resolve();
  private underWay: Promise<unknown> | null = null;
  private readonly endedWhileLoading: { readonly producerId: number; readonly isCommit: boolean }[] = [];

  constructor(parts: GroupShardParts) {
    this.parts = parts;
    this.partition = parts.partition;
  }

  /** NONE when the shard can be asked, else what a client is told. */
  get errorCode(): number {
    if (this.state === 'ready') return errorCode.NONE;
    return this.state === 'closed' ? errorCode.NOT_COORDINATOR : errorCode.COORDINATOR_LOAD_IN_PROGRESS;
  }

  get isLoading(): boolean {
    return this.state === 'loading';
  }

  /** Resolves when the shard is ready, or cannot be for now. Asked twice, it loads once. */
  load(): Promise<void> {
    if (this.state === 'idle') this.loading = this.loadFromLog();
    return this.loading;
  }

  private async loadFromLog(): Promise<void> {
    this.state = 'loading';
    const log = this.parts.openLog();
    this.log = log;
    try {
      await log.load({
        entry: (key, value, facts) => this.replay(key, value, facts),
        marker: ({ producerId }, isCommit) => this.offsets.endTransaction(producerId, isCommit),
      });
    } catch (error) {
      if (!isFault(error)) throw error;
      if (this.log === log) this.loadFailed(error);
      return;
    }
    if (this.log !== log) return;
    for (const { producerId, isCommit } of this.endedWhileLoading.splice(0)) {
      this.offsets.endTransaction(producerId, isCommit);
    }
    this.state = 'ready';
    for (const protocol of this.parts.protocols) protocol.loaded(this);
  }

  /**
   * All entries in one batch, in the order of the calls. Answers NONE when they are written, or the error code for the
   * client: INVALID_PRODUCER_EPOCH when the batch was a fenced producer's, or not wanted any more, and nothing else has happened, NOT_COORDINATOR
   * when the shard has dropped its memory, UNKNOWN_SERVER_ERROR (as Kafka says it) for more than APPEND_BYTES_MAX, which
   * callers see to beforehand.
   */
  append(
    entries: readonly StoredEntry[],
    producer: LogProducer | null = null,
    isWanted?: () => boolean,
  ): Promise<number> {
    const { log } = this;
    if (this.state !== 'ready' || log === null) return Promise.resolve(errorCode.NOT_COORDINATOR);
    if (bytesOf(entries) > APPEND_BYTES_MAX) return Promise.resolve(errorCode.UNKNOWN_SERVER_ERROR);
    const written = log.append(entries, producer, isWanted).then(
      () => errorCode.NONE,
      (error: unknown) => this.appendFailed(error, log),
    );
    this.underWay = written;
    return written;
  }

  /**
   * Entries that need not stand or fall together, however many. All pieces are under way at once, so that nothing that is
   * appended later comes between them. The first code that is not NONE.
   */
  async appendInPieces(entries: readonly StoredEntry[]): Promise<number> {
    const pieces: Promise<number>[] = [];
    let from = 0;
    let bytes = 0;
    for (let index = 0; index < entries.length; index++) {
      bytes += bytesOf(entries.slice(index, index + 1));
      if (bytes < PIECE_BYTES && index + 1 < entries.length) continue;
      pieces.push(this.append(entries.slice(from, index + 1)));
      from = index + 1;
      bytes = 0;
    }
    const codes = await Promise.all(pieces);
    return codes.find((code) => code !== errorCode.NONE) ?? errorCode.NONE;
  }

  /** Whether another group can be. */
  get hasRoom(): boolean {
    return this.groups.size < GROUPS_MAX;
  }

  /**
   * Resolves when everything that is in memory now is written: whoever tells a client about it waits for this, so that
   * nothing is told that a crash could take back.
   */
  settled(): Promise<unknown> | null {
    return this.underWay;
  }

  /** A marker of a transaction lies in the log now. A load under way may have passed its place already, or may not. */
  endTransaction(producerId: number, isCommit: boolean): void {
    if (this.state === 'ready') this.offsets.endTransaction(producerId, isCommit);
    else if (this.state === 'loading') this.endedWhileLoading.push({ producerId, isCommit });
  }

  /** The group is to be no more. The caller writes its tombstones. */
  forget(group: Group): void {
    for (const protocol of this.parts.protocols) if (protocol.kind === group.kind) protocol.forget(group);
    this.groups.delete(group.groupId);
  }

  close(): void {
    this.drop(errorCode.NOT_COORDINATOR);
    this.state = 'closed';
  }

  private replay(key: Uint8Array, value: Uint8Array | null, facts: EntryFacts): void {
    const kind = storedKind(key);
    const replay = this.parts.replays.get(kind);
    // Kinds of a newer release, or of protocols that this broker does not have: kept in the log, not understood.
    if (replay === undefined) return;
    try {
      replay(this, key, value, facts);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.onProblem(
        `a record of the kind ${kind} at offset ${facts.offset} of partition ${this.partition} of the groups' log ` +
          `cannot be read and is passed over: ${error.message}`,
      );
    }
  }

  private appendFailed(error: unknown, log: GroupLog): number {
    if (!isFault(error)) throw error;
    if (error.code === 'PB_FENCED') return errorCode.INVALID_PRODUCER_EPOCH;
    if (log === this.log) this.lose(error.message);
    return errorCode.NOT_COORDINATOR;
  }

  private lose(why: string): void {
    this.parts.onProblem(`partition ${this.partition} of the groups' log is read anew: ${why}`);
    this.drop(errorCode.NOT_COORDINATOR);
    this.state = 'idle';
    this.parts.onLost(this);
  }

  private loadFailed(error: Fault): void {
    this.parts.onProblem(`partition ${this.partition} of the groups' log cannot be read: ${error.message}`);
    this.drop(errorCode.COORDINATOR_NOT_AVAILABLE);
    this.state = 'idle';
    this.parts.onLost(this);
  }

  private drop(code: number): void {
    assert(this.state !== 'closed', 'a shard is closed once');
    this.log = null;
    this.underWay = null;
    for (const protocol of this.parts.protocols) protocol.dropped(this, code);
    this.groups.clear();
    this.offsets.clear();
    this.endedWhileLoading.length = 0;
  }
}

function bytesOf(entries: readonly StoredEntry[]): number {
  let bytes = 0;
  for (const { key, value } of entries) bytes += key.length + (value?.length ?? 0);
  return bytes;
}
