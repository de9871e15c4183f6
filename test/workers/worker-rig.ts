/**
 * One real partition worker with its disk aide, over a fake disk, between front ends of lanes that a test fills by hand.
 * For what a whole broker hides: turns, rings that run full, several fronts, the moment at which things happen.
 */
import { MessageChannel } from 'node:worker_threads';
import { must } from '../../src/base/assert.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { DEFAULT_LOG_SETTINGS, type LogSettings } from '../../src/storage/log-settings.ts';
import type { PartitionOpening, WorkerCommand, WorkerReply } from '../../src/workers/commands.ts';
import { DiskAide } from '../../src/workers/disk-aide.ts';
import { createLaneMemory, frontEnd, type LaneEnd, workerEnd } from '../../src/workers/lane.ts';
import { Mailbox, MailSender } from '../../src/workers/mailbox.ts';
import type { OwnedPartition } from '../../src/workers/partition-table.ts';
import { type AssembledWorker, assembleWorker } from '../../src/workers/worker-assembly.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import {
  APPEND_AT,
  APPEND_FLAG_ZSTD_ALLOWED,
  APPEND_FLAGS,
  APPEND_LENGTH,
  APPENDED_BASE_OFFSET_NUMBER,
  BELL_BYTES,
  FIND_EPOCH_EPOCH,
  FIND_OFFSET_FLAGS,
  FIND_OFFSET_TIMESTAMP_NUMBER,
  JOB_APPEND,
  JOB_FIND_EPOCH,
  JOB_FIND_OFFSET,
  JOB_LEADER_EPOCH,
  JOB_READ,
  JOB_RELEASE,
  READ_BYTES_MAX,
  READ_FLAG_FIRST_BATCH_WHOLE,
  READ_FLAGS,
  READ_OFFSET_NUMBER,
  RECEIPT_ERROR,
  RELEASE_LEASE,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../../src/zerocopy/layout.ts';
import { createPackLz4 } from '../../src/zerocopy/lz4-block.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { memoryOf, type Native } from '../../src/zerocopy/native.ts';
import { FAKE_START_MS } from '../support/fake-clock.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { plainMemory } from '../support/plain-memory.ts';

export interface RigOptions {
  readonly lanes?: number;
  readonly laneSlots?: number;
  readonly aideSlots?: number;
  readonly settings?: Partial<LogSettings>;
  readonly seed?: number;
  readonly retentionCheckMs?: number;
  readonly flushWindowMs?: number;
  readonly writeBackBytes?: number;
  readonly reserveBytes?: number;
  /** Null, as without saying so: all in TypeScript. */
  readonly native?: Native | null;
}

/** A receipt as a front finds it: all words and numbers, and the ones that matter by name. */
export interface TakenReceipt {
  readonly kind: number;
  readonly exchange: number;
  readonly partition: number;
  readonly error: number;
  readonly baseOffset: number;
  readonly words: readonly number[];
  readonly numbers: readonly number[];
}

const SLAB_BYTES = 1 << 22;
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';

export class WorkerRig {
  nowMs = FAKE_START_MS;
  readonly disk: FakeDisk;
  readonly board = Board.create(1024);
  readonly fronts: LaneEnd[] = [];
  readonly slabs: Memory[] = [];
  readonly parts: AssembledWorker;
  readonly aide: DiskAide;
  readonly replies: WorkerReply[] = [];
  readonly settings: LogSettings;
  private readonly channel = new MessageChannel();
  private readonly mail: MailSender;
  private readonly usedAt: number[] = [];
  private nextId = 1;

  constructor(options: RigOptions = {}) {
    this.disk = new FakeDisk({ seed: options.seed ?? 1, nowMs: () => this.nowMs });
    this.disk.makeFolder('data');
    this.settings = { ...DEFAULT_LOG_SETTINGS, ...options.settings };
    const native = options.native ?? null;
    const workerEnds: LaneEnd[] = [];
    for (let lane = 0; lane < (options.lanes ?? 1); lane++) {
      const memory = createLaneMemory(options.laneSlots ?? 64);
      this.fronts.push(frontEnd(memory, bell()));
      workerEnds.push(workerEnd(memory, bell()));
      this.slabs.push(native === null ? plainMemory(SLAB_BYTES) : memoryOf(new Uint8Array(SLAB_BYTES), native));
      this.usedAt.push(0);
    }
    const aideMemory = createLaneMemory(options.aideSlots ?? 32);
    const flusherMemory = createLaneMemory(options.aideSlots ?? 32);
    const counter = new SharedArrayBuffer(4);
    this.mail = new MailSender(this.channel.port1, counter, bell());
    this.aide = new DiskAide([workerEnd(aideMemory, bell()), workerEnd(flusherMemory, bell())], this.disk);
    this.parts = assembleWorker({
      stages: null,
      lanes: workerEnds,
      slabs: this.slabs,
      aide: frontEnd(aideMemory, bell()),
      flusher: frontEnd(flusherMemory, bell()),
      board: this.board,
      disk: this.disk,
      crc: crc32cInTypeScript,
      memoryOf: (bytes) => memoryOf(bytes, native),
      packLz4: createPackLz4(native),
      mailbox: new Mailbox(this.channel.port2, counter),
      reply: (reply) => this.replies.push(reply),
      logger: silentLogger,
      filesOpenMax: 16,
      housekeeping: {
        flushWindowMs: options.flushWindowMs ?? 0,
        writeBackBytes: options.writeBackBytes ?? 0,
        retentionCheckMs: options.retentionCheckMs ?? 300_000,
        reserve: { folder: 'data', bytes: options.reserveBytes ?? 0 },
      },
    });
  }

  close(): void {
    this.channel.port1.close();
    this.channel.port2.close();
  }

  get worker(): AssembledWorker['worker'] {
    return this.parts.worker;
  }

  turn(): boolean {
    return this.worker.turn(this.nowMs);
  }

  /** Worker and aide, until both rest. */
  settle(): void {
    for (let round = 0; round < 1000; round++) {
      const didWork = this.turn();
      if (!this.aide.turn(this.nowMs) && !didWork) return;
    }
    throw new Error('the worker does not come to rest');
  }

  // ── main's side ───────────────────────────────────────────────────────────────────────────────────────────────────

  command(build: (id: number) => WorkerCommand): number {
    const id = this.nextId++;
    this.mail.post(build(id));
    return id;
  }

  opening(slot: number, more: Partial<PartitionOpening> = {}): PartitionOpening {
    const name = more.partitionName ?? `orders-${slot}`;
    return {
      slot,
      topic: 'orders',
      partition: slot,
      partitionName: name,
      topicId: TOPIC_ID,
      folder: `data/${name}`,
      leaderEpoch: 0,
      settings: this.settings,
      isBegun: false,
      isClean: true,
      recoveryPoint: 0,
      logStartOffset: 0,
      writtenOffset: -1,
      cleanedOffset: 0,
      mayHaveGaps: false,
      ...more,
    };
  }

  open(slot: number, more: Partial<PartitionOpening> = {}): OwnedPartition {
    const opening = this.opening(slot, more);
    this.command((id) => ({ kind: 'open', id, partitions: [opening] }));
    this.turn();
    return must(this.parts.table.at(slot), 'the partition opened');
  }

  closePartition(slot: number, remove = false): number {
    return this.command((id) => ({ kind: 'close', id, slots: [slot], remove }));
  }

  hasReplied(id: number): boolean {
    return this.replies.some((reply) => 'id' in reply && reply.id === id);
  }

  // ── a front's side ────────────────────────────────────────────────────────────────────────────────────────────────

  append(slot: number, batch: Uint8Array, exchange: number, lane = 0, flags = APPEND_FLAG_ZSTD_ALLOWED): void {
    const at = must(this.usedAt[lane], 'the rig has this lane');
    must(this.slabs[lane], 'the rig has this lane').bytes.set(batch, at);
    this.usedAt[lane] = at + batch.length;
    const { words, wordAt } = this.claim(lane, JOB_APPEND, slot, exchange);
    words[wordAt + APPEND_AT] = at;
    words[wordAt + APPEND_LENGTH] = batch.length;
    words[wordAt + APPEND_FLAGS] = flags;
  }

  read(slot: number, offset: number, exchange: number, lane = 0, bytesMax = 1 << 20, epoch = -1, flags = 0): void {
    const { words, numbers, wordAt } = this.claim(lane, JOB_READ, slot, exchange);
    words[wordAt + READ_BYTES_MAX] = bytesMax;
    words[wordAt + READ_FLAGS] = READ_FLAG_FIRST_BATCH_WHOLE | flags;
    words[wordAt + JOB_LEADER_EPOCH] = epoch;
    numbers[wordAt / 2 + READ_OFFSET_NUMBER] = offset;
  }

  findOffset(slot: number, timestamp: number, exchange: number, epoch = -1, lane = 0): void {
    const { words, numbers, wordAt } = this.claim(lane, JOB_FIND_OFFSET, slot, exchange);
    words[wordAt + FIND_OFFSET_FLAGS] = 0;
    words[wordAt + JOB_LEADER_EPOCH] = epoch;
    numbers[wordAt / 2 + FIND_OFFSET_TIMESTAMP_NUMBER] = timestamp;
  }

  findEpoch(slot: number, epoch: number, exchange: number): void {
    const { words, wordAt } = this.claim(0, JOB_FIND_EPOCH, slot, exchange);
    words[wordAt + JOB_LEADER_EPOCH] = -1;
    words[wordAt + FIND_EPOCH_EPOCH] = epoch;
  }

  release(slot: number, lease: number, lane = 0): void {
    const { words, wordAt } = this.claim(lane, JOB_RELEASE, slot, -1);
    words[wordAt + RELEASE_LEASE] = lease;
  }

  /** Shows the jobs of a lane to the worker. */
  publish(lane = 0): void {
    must(this.fronts[lane], 'the rig has this lane').publish();
  }

  /** All receipts there are; their slots go back to the worker unless the front is slow. */
  take(lane = 0, countMax = Number.POSITIVE_INFINITY): TakenReceipt[] {
    const end = must(this.fronts[lane], 'the rig has this lane');
    const taken: TakenReceipt[] = [];
    for (let slot = end.incoming.peek(); slot >= 0 && taken.length < countMax; slot = end.incoming.peek()) {
      const at = slot * SLOT_WORDS;
      const { words, numbers } = end.incoming;
      taken.push({
        kind: words[at + SLOT_KIND]!,
        exchange: words[at + SLOT_EXCHANGE]!,
        partition: words[at + SLOT_PARTITION]!,
        error: words[at + RECEIPT_ERROR]!,
        baseOffset: numbers[at / 2 + APPENDED_BASE_OFFSET_NUMBER]!,
        words: [...words.subarray(at, at + SLOT_WORDS)],
        numbers: [...numbers.subarray(at / 2, at / 2 + SLOT_WORDS / 2)],
      });
      end.incoming.advance();
    }
    end.publish();
    return taken;
  }

  private claim(lane: number, kind: number, slot: number, exchange: number) {
    const ring = must(this.fronts[lane], 'the rig has this lane').outgoing;
    const job = ring.claim();
    if (job < 0) throw new Error('the job ring of the rig is full');
    const wordAt = job * SLOT_WORDS;
    ring.words[wordAt + SLOT_KIND] = kind;
    ring.words[wordAt + SLOT_EXCHANGE] = exchange;
    ring.words[wordAt + SLOT_ENTRY] = 0;
    ring.words[wordAt + SLOT_PARTITION] = slot;
    return { words: ring.words, numbers: ring.numbers, wordAt };
  }
}

function bell(): Bell {
  return new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null);
}
