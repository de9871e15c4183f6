/**
 * Puts a partition worker together from its ends of lanes, its memory and its disk. The thread's main file calls it with
 * the real ones; tests and the simulator with fakes, so that what they drive is what runs.
 */
import type { Logger } from '../base/logger.ts';
import type { Disk } from '../storage/disk.ts';
import { type Crc, StorageTools } from '../storage/storage-tools.ts';
import type { Board } from '../zerocopy/board.ts';
import type { PackLz4 } from '../zerocopy/lz4-block.ts';
import type { Memory } from '../zerocopy/memory.ts';
import { AckGate } from './ack-gate.ts';
import type { AppendStages } from './append-stages.ts';
import type { WorkerReply } from './commands.ts';
import { FlushWindow } from './flush-window.ts';
import { Housekeeping, type HousekeepingSettings } from './housekeeping.ts';
import type { LaneEnd } from './lane.ts';
import { LogCleanings } from './log-cleanings.ts';
import { LogFlushes } from './log-flushes.ts';
import { LogReads } from './log-reads.ts';
import type { Mailbox } from './mailbox.ts';
import { PartitionKeeper } from './partition-keeper.ts';
import { PartitionTable } from './partition-table.ts';
import { PartitionWorker } from './partition-worker.ts';
import { ReadLeases } from './read-leases.ts';
import { Receipts } from './receipts.ts';
import { Recoder } from './recoder.ts';
import { WriteBacks } from './write-backs.ts';

export interface WorkerParts {
  /** One from each front, and behind them main's. */
  readonly lanes: readonly LaneEnd[];
  /** The slab of each of them. */
  readonly slabs: readonly Memory[];
  readonly aide: LaneEnd;
  readonly flusher: LaneEnd;
  readonly board: Board;
  readonly disk: Disk;
  readonly crc: Crc;
  readonly memoryOf: (bytes: Uint8Array) => Memory;
  /** Null where there is no native part. */
  readonly packLz4: PackLz4 | null;
  readonly mailbox: Mailbox;
  readonly reply: (reply: WorkerReply) => void;
  readonly logger: Logger;
  readonly filesOpenMax: number;
  readonly housekeeping: HousekeepingSettings;
  /** Null: nobody asks how long appends take. */
  readonly stages: AppendStages | null;
}

export interface AssembledWorker {
  readonly worker: PartitionWorker;
  readonly keeper: PartitionKeeper;
  readonly table: PartitionTable;
  readonly gate: AckGate;
  readonly leases: ReadLeases;
  readonly reads: LogReads;
  readonly recoder: Recoder;
}

/** A quarter of the flusher's ring. */
const WRITE_BACKS_SHARE = 4;
/** Half of the aide's ring, an eighth of it for what is read ahead; the other half is for flushes. */
const READS_SHARE = 2;
const STRETCHES_SHARE = 8;

export function assembleWorker(parts: WorkerParts): AssembledWorker {
  const { lanes, slabs, aide, flusher, stages, board, disk, crc, memoryOf, mailbox, reply, logger } = parts;
  const receipts = lanes.map((lane) => new Receipts(lane.outgoing));
  const settings = parts.housekeeping;
  const { reserve } = settings;
  const tools = new StorageTools({ disk, crc, logger, filesOpenMax: parts.filesOpenMax, reserve });
  const table = new PartitionTable();
  const gate = new AckGate(receipts, stages);
  const leases = new ReadLeases();
  const stretchesMax = Math.floor(aide.outgoing.slotCount / STRETCHES_SHARE);
  const coldReadsMax = aide.outgoing.slotCount / READS_SHARE - stretchesMax;
  const reads = new LogReads({ table, receipts, leases, aide, disk, coldReadsMax, stretchesMax });
  const flushes = new LogFlushes(aide, flusher, table, gate);
  const { folder } = reserve;
  const flushWindow = new FlushWindow({ flusher, table, flushes, tools, windowMs: settings.flushWindowMs, folder });
  const rangesMax = flusher.outgoing.slotCount / WRITE_BACKS_SHARE;
  const writeBacks = new WriteBacks(flusher, settings.writeBackBytes, rangesMax);
  const recoder = new Recoder({
    crc,
    memoryOf,
    packLz4: parts.packLz4,
    send: (ticket, batch, codec, level) => reply({ kind: 'recode', ticket, batch, codec, level }),
  });
  const housekeeping = new Housekeeping({ tools, table, board, flushes, reply, logger, settings });
  const keeper = new PartitionKeeper({
    mailbox,
    reply,
    tools,
    table,
    board,
    gate,
    flushWindow,
    housekeeping,
    cleanings: new LogCleanings({ table, reply, logger }),
    recoder,
    receipts,
    logger,
  });
  const worker = new PartitionWorker({
    lanes,
    receipts,
    slabs,
    aide,
    flusher,
    board,
    table,
    leases,
    gate,
    reads,
    flushes,
    flushWindow,
    writeBacks,
    keeper,
    housekeeping,
    recoder,
    mailbox,
    stages,
  });
  return { worker, keeper, table, gate, leases, reads, recoder };
}
