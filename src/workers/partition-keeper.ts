/**
 * Opens, configures and closes a worker's logs as main commands, and tells main where they stand. Not on the hot path:
 * one look at the mailbox a turn.
 */
import { must } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Log } from '../storage/log.ts';
import { beginLog, openLog } from '../storage/log-open.ts';
import type { StorageTools } from '../storage/storage-tools.ts';
import type { Board } from '../zerocopy/board.ts';
import { RECEIPT_WAKE } from '../zerocopy/layout.ts';
import type { AckGate } from './ack-gate.ts';
import type {
  PartitionOpening,
  PartitionOutcome,
  PartitionReport,
  StartMoved,
  StartWish,
  WorkerCommand,
  WorkerReply,
} from './commands.ts';
import { type FlushWindow, ONE_BY_ONE_MAX } from './flush-window.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { LogCleanings } from './log-cleanings.ts';
import type { Mailbox } from './mailbox.ts';
import { OwnedPartition, type PartitionTable } from './partition-table.ts';
import type { Receipts } from './receipts.ts';
import type { Recoder } from './recoder.ts';

export interface PartitionKeeperParts {
  readonly mailbox: Mailbox;
  readonly reply: (reply: WorkerReply) => void;
  readonly tools: StorageTools;
  readonly table: PartitionTable;
  readonly board: Board;
  readonly gate: AckGate;
  readonly flushWindow: FlushWindow;
  readonly housekeeping: Housekeeping;
  readonly cleanings: LogCleanings;
  readonly recoder: Recoder;
  readonly receipts: readonly Receipts[];
  readonly logger: Logger;
}

type OpenCommand = Extract<WorkerCommand, { kind: 'open' }>;
type CloseCommand = Extract<WorkerCommand, { kind: 'close' }>;

/** A close command some of whose logs still wait for a flush to come back. */
interface Closing {
  readonly command: CloseCommand;
  readonly outcomes: PartitionOutcome[];
  readonly waiting: Set<OwnedPartition>;
  /** All of its logs were asked to close. */
  isWhole: boolean;
}

/** A command that takes several turns. */
interface Slices {
  /** Does some of it; true: that was the last. */
  readonly step: (nowMs: number) => boolean;
}

/** A folder and its files take about a third of a millisecond. */
export const OPENED_PER_TURN_MAX = 8;
/** No file is looked at: tens of microseconds each. */
export const BEGUN_PER_TURN_MAX = 64;
/** Up to three files to close for each. */
export const CLOSED_PER_TURN_MAX = 64;
const MAIL_PER_TURN_MAX = 64;
function isApart({ kind }: WorkerCommand): boolean {
  return kind === 'recoded' || kind === 'report' || kind === 'report-changes';
}

/** How long a stop may spend on flushing logs one by one; what is left is vouched for by the running boot only. */
const STOP_FLUSH_MS = 1200;
/** Where there are too many for that: to write down what is not yet, before one flush of everything. */
const STOP_WRITE_MS = 5000;

export class PartitionKeeper {
  /** The thread ends after this turn. */
  hasStopped = false;
  private readonly parts: PartitionKeeperParts;
  private readonly closings: Closing[] = [];
  private stopId = -1;
  /** In the order in which they came; what follows one that takes several turns waits for its end. */
  private readonly commands: WorkerCommand[] = [];
  private slices: Slices | null = null;

  constructor(parts: PartitionKeeperParts) {
    this.parts = parts;
  }

  /** A part of it a turn: neither a front in the same thread nor anybody's job waits for a topic with thousands of partitions. */
  takeMail(nowMs: number): boolean {
    let didWork = this.goOn(nowMs);
    for (let count = 0; count < MAIL_PER_TURN_MAX; count++) {
      const message = this.parts.mailbox.take();
      if (message === null) break;
      didWork = true;
      const command = readCommand(message);
      // Batches wait for the first, checkpoints for the others, and none has to do with what is opened.
      if (isApart(command)) this.handle(command, nowMs);
      else this.commands.push(command);
    }
    for (let count = 0; count < MAIL_PER_TURN_MAX && this.slices === null; count++) {
      const command = this.commands.shift();
      if (command === undefined) break;
      didWork = true;
      this.handle(command, nowMs);
    }
    if (this.stopId >= 0) this.tryStop();
    return didWork;
  }

  /** There is more to do of what was asked. */
  get isBusy(): boolean {
    return this.slices !== null || this.commands.length > 0;
  }

  private begin(slices: Slices, nowMs: number): void {
    this.slices = slices;
    this.goOn(nowMs);
  }

  /** Returns whether there was anything to go on with. */
  private goOn(nowMs: number): boolean {
    if (this.slices === null) return false;
    if (this.slices.step(nowMs)) this.slices = null;
    return true;
  }

  private opening({ id, partitions }: OpenCommand): Slices {
    const outcomes: PartitionOutcome[] = [];
    const step = (nowMs: number): boolean => {
      for (let room = 1; room > 0 && outcomes.length < partitions.length; ) {
        const opening = must(partitions[outcomes.length], 'there is one more');
        outcomes.push(this.open(opening, nowMs));
        room -= 1 / (opening.isBegun ? BEGUN_PER_TURN_MAX : OPENED_PER_TURN_MAX);
      }
      if (outcomes.length < partitions.length) return false;
      this.parts.reply({ kind: 'outcome', id, outcomes });
      return true;
    };
    return { step };
  }

  /** The flush of a log that is being closed came back. */
  finishClosing(partition: OwnedPartition): void {
    for (const closing of this.closings) {
      if (!closing.waiting.delete(partition)) continue;
      closing.outcomes.push(this.closeNow(partition, closing.command));
      this.answerClosing(closing);
      return;
    }
  }

  private handle(command: WorkerCommand, nowMs: number): void {
    switch (command.kind) {
      case 'open':
        this.begin(this.opening(command), nowMs);
        break;
      case 'close':
        this.begin(this.closing(command), nowMs);
        break;
      case 'configure':
        this.configure(command);
        break;
      case 'move-starts':
        this.parts.reply({
          kind: 'starts-moved',
          id: command.id,
          rows: command.moves.map((move) => this.moveStart(move)),
        });
        break;
      case 'report':
        this.parts.reply({ kind: 'report', id: command.id, rows: this.rows() });
        break;
      case 'report-changes':
        this.parts.reply({ kind: 'report', id: command.id, rows: this.changedRows(command.isWhole) });
        break;
      case 'producers': {
        const log = this.parts.table.at(command.slot)?.log;
        // The ledger of a log that failed knows of batches that were never written.
        const producers = log === undefined || log.isPoisoned ? null : log.describeProducers();
        this.parts.reply({ kind: 'producers', id: command.id, producers });
        break;
      }
      case 'stop':
        this.stopId = command.id;
        break;
      case 'cleanables':
      case 'begin-cleaning':
      case 'swap-cleaned':
      case 'end-cleaning':
        this.parts.cleanings.handle(command, nowMs);
        break;
      case 'recoded':
        this.parts.recoder.finished(command.ticket, command.bytes);
        break;
    }
  }

  private open(opening: PartitionOpening, nowMs: number): PartitionOutcome {
    const { slot } = opening;
    this.parts.flushWindow.prepare();
    try {
      const { tools } = this.parts;
      const log = opening.isBegun ? beginLog({ ...opening, tools, nowMs }) : openLog({ ...opening, tools, nowMs });
      if (log.leaderEpoch !== opening.leaderEpoch) log.beginEpoch(opening.leaderEpoch);
      const partition = new OwnedPartition(slot, log, opening.leaderEpoch);
      this.parts.table.add(partition);
      if (log.noteFound(nowMs)) this.parts.flushWindow.note(partition, nowMs);
      if (!opening.isBegun) this.parts.housekeeping.watch(partition);
      const marks = log.watermarks;
      this.parts.board.set(slot, marks.start, marks.stable, marks.high, marks.end, 0);
      this.parts.board.setEpoch(slot, opening.leaderEpoch);
      return { slot, problem: null };
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.error(`partition ${opening.topic}-${opening.partition} does not open: ${error.message}`);
      return { slot, problem: error.message };
    }
  }

  private configure(command: Extract<WorkerCommand, { kind: 'configure' }>): void {
    const { slot, settings } = command;
    const partition = this.parts.table.at(slot);
    let problem: string | null = null;
    try {
      if (partition !== null) {
        partition.recodes = settings.compressionType !== 'producer';
        partition.log.configure(settings);
        this.parts.housekeeping.lookAt(partition);
      }
    } catch (error) {
      if (!isFault(error)) throw error;
      problem = error.message;
      this.parts.logger.error(`new settings do not take effect as they should: ${problem}`);
    }
    this.parts.reply({ kind: 'outcome', id: command.id, outcomes: [{ slot, problem }] });
  }

  /** Board and log move in one step between turns' jobs, so no reader sees one without the other. */
  private moveStart({ slot, offset }: StartWish): StartMoved {
    const partition = this.parts.table.at(slot);
    if (partition === null) return { slot, error: errorCode.NOT_LEADER_OR_FOLLOWER, logStart: -1 };
    const { log } = partition;
    const wanted = offset === -1 ? log.watermarks.high : offset;
    if (wanted < 0) return { slot, error: errorCode.OFFSET_OUT_OF_RANGE, logStart: -1 };
    try {
      const error = log.moveStart(wanted);
      if (error !== errorCode.NONE) return { slot, error, logStart: -1 };
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.error(`${log.partitionName}: its records could not be deleted: ${error.message}`);
      return { slot, error: errorCode.KAFKA_STORAGE_ERROR, logStart: -1 };
    }
    const marks = log.watermarks;
    this.parts.board.set(slot, marks.start, marks.stable, marks.high, marks.end, log.bytesAppended);
    for (const receipts of this.parts.receipts) receipts.begin(RECEIPT_WAKE, -1, -1, slot, 0);
    return { slot, error: errorCode.NONE, logStart: marks.start };
  }

  private closing(command: CloseCommand): Slices {
    const closing: Closing = { command, outcomes: [], waiting: new Set(), isWhole: false };
    this.closings.push(closing);
    let count = 0;
    const step = (): boolean => {
      const end = Math.min(command.slots.length, count + CLOSED_PER_TURN_MAX);
      for (; count < end; count++) this.close(must(command.slots[count], 'there is one more'), closing);
      if (count < command.slots.length) return false;
      closing.isWhole = true;
      this.answerClosing(closing);
      return true;
    };
    return { step };
  }

  private close(slot: number, closing: Closing): void {
    if (this.parts.table.at(slot) === null) return;
    const partition = this.parts.table.remove(slot);
    this.parts.board.clear(slot);
    this.parts.gate.fail(slot, errorCode.UNKNOWN_TOPIC_OR_PARTITION);
    for (const receipts of this.parts.receipts) receipts.begin(RECEIPT_WAKE, -1, -1, slot, 0);
    if (partition.syncsPending > 0) closing.waiting.add(partition);
    else closing.outcomes.push(this.closeNow(partition, closing.command));
  }

  private closeNow(partition: OwnedPartition, command: CloseCommand): PartitionOutcome {
    try {
      const error = partition.log.close(!command.remove);
      const problem =
        error < 0 ? `${partition.log.partitionName} was not flushed when it was closed: error ${-error}` : null;
      return { slot: partition.slot, problem };
    } catch (error) {
      if (!isFault(error)) throw error;
      return { slot: partition.slot, problem: error.message };
    }
  }

  private answerClosing(closing: Closing): void {
    if (!closing.isWhole || closing.waiting.size > 0) return;
    this.closings.splice(this.closings.indexOf(closing), 1);
    this.parts.reply({ kind: 'outcome', id: closing.command.id, outcomes: closing.outcomes });
  }

  private tryStop(): void {
    const partitions = this.parts.table.all();
    if (partitions.some((partition) => partition.syncsPending > 0)) return;
    const isFlushShared = partitions.length > ONE_BY_ONE_MAX && this.parts.flushWindow.flushAll();
    const rows: PartitionReport[] = [];
    const started = performance.now();
    for (const partition of partitions) {
      const isInTime = performance.now() - started < (isFlushShared ? STOP_WRITE_MS : STOP_FLUSH_MS);
      // Out of the table: what lies in the lanes still is answered as for any partition that is not here.
      this.parts.table.remove(partition.slot);
      this.parts.gate.fail(partition.slot, errorCode.NOT_LEADER_OR_FOLLOWER);
      const isClosed = this.closeForStop(partition, isInTime, isFlushShared);
      rows.push({ ...rowOf(partition), isClean: isClosed });
    }
    const isFlushed = isFlushShared && this.parts.flushWindow.flushAll();
    if (isFlushShared) for (const [index, row] of rows.entries()) rows[index] = flushedRow(row, isFlushed);
    this.parts.flushWindow.close();
    this.parts.reply({ kind: 'report', id: this.stopId, rows });
    this.stopId = -1;
    this.hasStopped = true;
  }

  private closeForStop(partition: OwnedPartition, isInTime: boolean, isFlushShared: boolean): boolean {
    try {
      return partition.log.close(isInTime, isFlushShared) >= 0 && isInTime;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.error(`${partition.log.partitionName} did not close well: ${error.message}`);
      return false;
    }
  }

  private changedRows(isWhole: boolean): PartitionReport[] {
    const rows: PartitionReport[] = [];
    const { table } = this.parts;
    for (let place = 0; place < table.count; place++) {
      const partition = must(table.inPlace(place), 'there are as many as are counted');
      if (tell(partition) || isWhole) rows.push(rowOf(partition));
    }
    return rows;
  }

  private rows(): PartitionReport[] {
    return this.parts.table.all().map((partition) => rowOf(partition));
  }
}

/** Whether the checkpoints have something to learn of the log; from here on they have. */
function tell({ log, told }: OwnedPartition): boolean {
  const { start, high } = log.watermarks;
  const { recoveryPoint } = log;
  const end = writtenEnd(log);
  const { cleanedOffset } = log.cleaning;
  const isKnown =
    told.end === end &&
    told.recoveryPoint === recoveryPoint &&
    told.high === high &&
    told.logStart === start &&
    told.cleanedOffset === cleanedOffset;
  if (isKnown) return false;
  told.recoveryPoint = recoveryPoint;
  told.logStart = start;
  told.high = high;
  told.end = end;
  told.cleanedOffset = cleanedOffset;
  return true;
}

/** What a start finds without a look at the batches, as long as the system runs. */
function writtenEnd({ watermarks, sync }: Log): number {
  return Math.min(watermarks.end, sync.waitingFrom);
}

function rowOf(partition: OwnedPartition): PartitionReport {
  const { log, slot } = partition;
  const marks = log.watermarks;
  return {
    slot,
    recoveryPoint: log.recoveryPoint,
    logStart: marks.start,
    high: marks.high,
    end: writtenEnd(log),
    sizeBytes: log.totalBytes,
    cleanedOffset: log.cleaning.cleanedOffset,
    unsyncedSinceMs: log.unsyncedSinceMs,
    isClean: false,
  };
}

/** One flush of everything stood for that of the log, which was closed well before it, or was not. */
function flushedRow(row: PartitionReport, isFlushed: boolean): PartitionReport {
  if (!row.isClean) return row;
  return isFlushed ? { ...row, recoveryPoint: row.end } : { ...row, isClean: false };
}

function readCommand(message: unknown): WorkerCommand {
  const isCommand = typeof message === 'object' && message !== null && 'kind' in message;
  return must(isCommand ? (message as WorkerCommand) : null, 'main sends commands');
}
