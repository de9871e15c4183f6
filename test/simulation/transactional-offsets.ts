/**
 * Offsets of a group of its own that a transactional producer commits with its transactions: of a committed one they show, of
 * an aborted one they never do, whatever happens in between.
 */
import { addOffsetsToTxn } from '../../src/protocol/schemas/25-add-offsets-to-txn.ts';
import { txnOffsetCommit } from '../../src/protocol/schemas/28-txn-offset-commit.ts';
import type { Prng } from '../support/prng.ts';
import { anyOf } from './client-manners.ts';
import { GroupOffsets, type Writing } from './group-offsets.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import type { TopicModel } from './topic-models.ts';

export interface TransactionalIdentity {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

const STATE_FOLDERS = ['__transaction_state-0', '__transaction_state-1'];

export class TransactionalOffsets {
  private readonly simulation: Simulation;
  private readonly offsets: GroupOffsets;
  /** By partition: the last one that was taken into the transaction that is open. */
  private readonly taken = new Map<number, Writing & { readonly offset: number }>();
  private tried: { readonly partition: number; readonly offset: number }[] = [];

  constructor(simulation: Simulation, transactionalId: string, topic: TopicModel) {
    this.simulation = simulation;
    this.offsets = new GroupOffsets(simulation, `group of ${transactionalId}`, topic, STATE_FOLDERS);
  }

  get group(): string {
    return this.offsets.group;
  }

  /** One of them, as part of the transaction. Returns an error code; what is sent again has another offset. */
  async commit(
    link: SimulatedLink,
    identity: TransactionalIdentity,
    isNewKind: boolean,
    random: Prng,
  ): Promise<number> {
    const { offsets, group: groupId } = this;
    const { name, partitions: models } = offsets.topic;
    if (!isNewKind) {
      const { errorCode } = await link.ask(addOffsetsToTxn, 3, { ...identity, groupId });
      if (errorCode !== 0) return errorCode;
    }
    const { partition: partitionIndex } = anyOf(random, models);
    const committedOffset = offsets.next(partitionIndex, 1);
    this.tried.push({ partition: partitionIndex, offset: committedOffset });
    const partitions = [{ partitionIndex, committedOffset, committedMetadata: '' }];
    const topics = [{ name, partitions }];
    const answer = await link.ask(txnOffsetCommit, isNewKind ? 5 : 3, { ...identity, groupId, topics });
    const code = answer.topics[0]?.partitions[0]?.errorCode ?? -1;
    this.simulation.note(`${groupId}: ${name}-${partitionIndex} ${committedOffset} -> ${code}`);
    if (code !== 0) return code;
    this.simulation.book.count('offsets in transactions');
    const { trueMs, history } = this.simulation;
    this.taken.set(partitionIndex, { offset: committedOffset, ms: trueMs, life: history.life });
    return code;
  }

  /** The transaction is over. */
  settle(outcome: 'committed' | 'aborted' | 'unknown'): void {
    if (outcome === 'committed')
      for (const [partition, taken] of this.taken) this.offsets.acknowledged(partition, taken.offset, taken);
    if (outcome === 'aborted') for (const { partition, offset } of this.tried) this.offsets.refused(partition, offset);
    this.taken.clear();
    this.tried = [];
  }

  async check(link: SimulatedLink): Promise<void> {
    await this.offsets.check(
      link,
      this.offsets.topic.partitions.map(({ partition }) => partition),
    );
  }
}
