/**
 * What readers of committed records see at the end, when every transaction is over: of a committed one everything, of an
 * aborted one nothing, of one whose end its producer never learnt one of the two, in all partitions the same.
 */
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { type FoundBatch, foundBatches } from './numbered-batches.ts';
import type { PartitionModel, TransactionFate } from './partition-model.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand, Violation } from './violation.ts';

const STATE_TOPIC = '__transaction_state';
const WAITS_MAX = 120;

interface Seen {
  visible: number;
  stored: number;
}

export async function verifyTransactions(simulation: Simulation, link: SimulatedLink): Promise<void> {
  const fates = new Map<TransactionFate, Seen>();
  for (const model of simulation.topics.named('ledger').partitions) {
    const visible = await visibleRecords(simulation, link, model);
    for (const number of model.numbersFrom(visible.startOffset)) {
      const fate = model.transactionOf(number);
      if (fate === null) {
        demand(visible.numbers.has(number), `${model.folder}: record ${number} of no transaction is not seen`);
        continue;
      }
      const seen = fates.get(fate) ?? { visible: 0, stored: 0 };
      fates.set(fate, seen);
      seen.stored += 1;
      if (visible.numbers.has(number)) seen.visible += 1;
    }
  }
  for (const [fate, seen] of fates) judge(simulation, fate, seen);
  simulation.book.count('transactions verified', fates.size);
  link.break();
}

function judge(simulation: Simulation, fate: TransactionFate, { visible, stored }: Seen): void {
  const { name, outcome } = fate;
  const what = `of transaction ${name} (${outcome}) ${visible} of ${stored} records are seen`;
  if (isExcused(simulation, fate)) return;
  if (outcome === 'aborted' || outcome === 'open') demand(visible === 0, what);
  else {
    demand(visible === stored || (outcome === 'unknown' && visible === 0), what);
  }
}

/** A power cut may have taken the decision, a marker, or all that the coordinator knew of the transaction. */
function isExcused(
  { history, profile }: Simulation,
  { outcome, begunMs, begunLife, endedMs, life }: TransactionFate,
): boolean {
  if (profile.promised === 'device') return false;
  if (outcome !== 'committed') return history.hasPowerCutSince(0);
  const mayBeLost = (atMs: number, since: number) => history.mayBeLost(STATE_TOPIC, atMs, since, profile.promised);
  return mayBeLost(begunMs, begunLife) || mayBeLost(endedMs, life);
}

interface VisibleRecords {
  readonly startOffset: number;
  readonly numbers: ReadonlySet<number>;
}

async function visibleRecords(
  simulation: Simulation,
  link: SimulatedLink,
  model: PartitionModel,
): Promise<VisibleRecords> {
  for (let waits = 0; waits < WAITS_MAX; waits++) {
    const numbers = new Set<number>();
    let position = model.startOffset;
    for (;;) {
      const partitions = [{ partitionIndex: model.partition, fetchOffset: position, partitionMaxBytes: 1 << 16 }];
      const topics = [{ name: model.topic.name, partitions }];
      const answer = await link.ask(fetch, 12, { maxWaitMs: 0, minBytes: 1, isolationLevel: 1, topics });
      const part = answer.topics[0]?.partitions[0];
      demand(part !== undefined && part.errorCode === 0, `${model.folder} cannot be read at its end`);
      if (part.lastStableOffset < part.highWatermark) break;
      const batches = foundBatches(part.records, model.folder);
      addVisible(batches, part.abortedTransactions ?? [], numbers);
      position = (batches.at(-1)?.lastOffset ?? position - 1) + 1;
      if (position >= part.lastStableOffset) return { startOffset: part.logStartOffset, numbers };
      demand(batches.length > 0, `${model.folder}: nothing is read at ${position}`);
    }
    await simulation.pause(20);
  }
  throw new Violation(`${model.folder}: a transaction does not come to its end`);
}

/** As consumers do it: batches of aborted transactions are passed over up to their marker. */
function addVisible(
  batches: readonly FoundBatch[],
  abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[],
  numbers: Set<number>,
): void {
  const waiting = [...abortedTransactions].sort((one, other) => one.firstOffset - other.firstOffset);
  const aborted = new Set<number>();
  for (const { baseOffset, lastOffset, producerId, isControl, isTransactional, records } of batches) {
    for (let next = waiting[0]; next !== undefined && next.firstOffset <= lastOffset; next = waiting[0]) {
      aborted.add(next.producerId);
      waiting.shift();
    }
    demand(baseOffset <= lastOffset, 'a batch ends where it begins or later');
    if (isControl) aborted.delete(producerId);
    else if (!isTransactional || !aborted.has(producerId)) for (const { number } of records) numbers.add(number);
  }
}
