/**
 * Main's counter to one partition worker: sends commands through its mailbox, pairs replies with them by id. Ordinary
 * asynchronous code; every wait has a deadline.
 */
import { must } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { CleaningPlan, GroupCleaned } from '../storage/compaction.ts';
import type { LogSettings } from '../storage/log-settings.ts';
import type { ProducerFacts } from '../storage/producer-entry.ts';
import type {
  CleanableLog,
  PartitionOpening,
  PartitionOutcome,
  PartitionReport,
  StartMoved,
  StartWish,
  WorkerCommand,
  WorkerReply,
} from './commands.ts';
import type { MailSender } from './mailbox.ts';

interface Waiting {
  readonly resolve: (reply: WorkerReply) => void;
  readonly timer: NodeJS.Timeout;
}

export type RecodeRequest = Extract<WorkerReply, { kind: 'recode' }>;

export class WorkerPost {
  readonly index: number;
  onRecode: ((request: RecodeRequest) => void) | null = null;
  onRemoveFiles: ((paths: readonly string[]) => void) | null = null;
  private readonly mail: Pick<MailSender, 'post'>;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;

  constructor(index: number, mail: Pick<MailSender, 'post'>) {
    this.index = index;
    this.mail = mail;
  }

  async open(partitions: readonly PartitionOpening[], waitMs: number): Promise<readonly PartitionOutcome[]> {
    const reply = await this.ask((id) => ({ kind: 'open', id, partitions }), 'to open partitions', waitMs);
    return outcomesOf(reply);
  }

  async close(slots: readonly number[], remove: boolean, waitMs: number): Promise<readonly PartitionOutcome[]> {
    const reply = await this.ask((id) => ({ kind: 'close', id, slots, remove }), 'to close partitions', waitMs);
    return outcomesOf(reply);
  }

  async configure(slot: number, settings: LogSettings, waitMs: number): Promise<void> {
    await this.ask((id) => ({ kind: 'configure', id, slot, settings }), 'to take new settings', waitMs);
  }

  async moveStarts(moves: readonly StartWish[], waitMs: number): Promise<readonly StartMoved[]> {
    const reply = await this.ask((id) => ({ kind: 'move-starts', id, moves }), 'to delete records', waitMs);
    if (reply.kind === 'starts-moved') return reply.rows;
    throw new Fault('PB_THREAD', `a worker answered "${reply.kind}" where moved starts were due`);
  }

  async producers(slot: number, waitMs: number): Promise<readonly ProducerFacts[] | null> {
    const reply = await this.ask((id) => ({ kind: 'producers', id, slot }), 'for the producers of a partition', waitMs);
    if (reply.kind === 'producers') return reply.producers;
    throw new Fault('PB_THREAD', `a worker answered "${reply.kind}" where producers were due`);
  }

  async cleanables(waitMs: number): Promise<readonly CleanableLog[]> {
    const reply = await this.ask((id) => ({ kind: 'cleanables', id }), 'what is worth compacting', waitMs);
    if (reply.kind === 'cleanables') return reply.rows;
    throw new Fault('PB_THREAD', `a worker answered "${reply.kind}" where dirty logs were due`);
  }

  /** Null: there is nothing to compact any more. */
  async beginCleaning(slot: number, waitMs: number): Promise<CleaningPlan | null> {
    const reply = await this.ask((id) => ({ kind: 'begin-cleaning', id, slot }), 'to plan a compaction', waitMs);
    if (reply.kind === 'cleaning-plan') return reply.plan;
    throw new Fault('PB_THREAD', `a worker answered "${reply.kind}" where a plan was due`);
  }

  /** False: the segments are no longer what the compacted one was made of. */
  async swapCleaned(slot: number, partitionName: string, cleaned: GroupCleaned, waitMs: number): Promise<boolean> {
    const reply = await this.ask(
      (id) => ({ kind: 'swap-cleaned', id, slot, partitionName, cleaned }),
      'to put a compacted segment in place',
      waitMs,
    );
    return reply.kind === 'swapped' && reply.isDone;
  }

  async endCleaning(slot: number, partitionName: string, endOffset: number, waitMs: number): Promise<void> {
    await this.ask(
      (id) => ({ kind: 'end-cleaning', id, slot, partitionName, endOffset }),
      'to end a compaction',
      waitMs,
    );
  }

  async report(waitMs: number): Promise<readonly PartitionReport[]> {
    return rowsOf(await this.ask((id) => ({ kind: 'report', id }), 'for its offsets', waitMs));
  }

  /** Only those whose offsets have moved since the last answer; all with `isWhole`. */
  async reportChanges(isWhole: boolean, waitMs: number): Promise<readonly PartitionReport[]> {
    return rowsOf(await this.ask((id) => ({ kind: 'report-changes', id, isWhole }), 'for its offsets', waitMs));
  }

  /** Closes all logs well; the rows tell where each of them ended. */
  async stop(waitMs: number): Promise<readonly PartitionReport[]> {
    return rowsOf(await this.ask((id) => ({ kind: 'stop', id }), 'to stop', waitMs));
  }

  recoded(ticket: number, bytes: Uint8Array | null): void {
    this.mail.post({ kind: 'recoded', ticket, bytes } satisfies WorkerCommand);
  }

  /** Called with every message of the worker's thread. */
  receive(reply: WorkerReply): void {
    if (reply.kind === 'ready') return;
    if (reply.kind === 'recode') {
      must(this.onRecode, 'somebody re-encodes for the workers')(reply);
      return;
    }
    if (reply.kind === 'remove-files') {
      must(this.onRemoveFiles, 'somebody removes files for the workers')(reply.paths);
      return;
    }
    const waiting = this.waiting.get(reply.id);
    if (waiting === undefined) return;
    this.waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    waiting.resolve(reply);
  }

  private ask(build: (id: number) => WorkerCommand, what: string, waitMs: number): Promise<WorkerReply> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(
          new Fault('PB_TIMEOUT', `worker ${this.index} was asked ${what} and gave no answer within ${waitMs} ms`),
        );
      }, waitMs);
      this.waiting.set(id, { resolve, timer });
      this.mail.post(build(id));
    });
  }
}

function outcomesOf(reply: WorkerReply): readonly PartitionOutcome[] {
  if (reply.kind !== 'outcome')
    throw new Fault('PB_THREAD', `a worker answered "${reply.kind}" where outcomes were due`);
  return reply.outcomes;
}

function rowsOf(reply: WorkerReply): readonly PartitionReport[] {
  if (reply.kind !== 'report') throw new Fault('PB_THREAD', `a worker answered "${reply.kind}" where a report was due`);
  return reply.rows;
}
