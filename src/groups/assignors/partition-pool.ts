/**
 * The partitions that an assignor has to place, and which of them have an owner. Both ways of the `uniform` assignor work
 * on it; it refuses a second owner, so that no mistake in an old assignment can give a partition to two members.
 */
import { assert } from '../../base/assert.ts';
import type { AssignorInput } from './assignor.ts';

export interface PoolPartition {
  readonly topicId: string;
  readonly partition: number;
}

export class PartitionPool {
  readonly partitionCount: number;
  private readonly takenOf = new Map<string, Uint8Array>();

  constructor(topicIds: Iterable<string>, input: Pick<AssignorInput, 'partitionCountOf'>) {
    let count = 0;
    for (const topicId of topicIds) {
      const taken = new Uint8Array(input.partitionCountOf(topicId));
      this.takenOf.set(topicId, taken);
      count += taken.length;
    }
    this.partitionCount = count;
  }

  /** False where there is no such partition, or somebody has it. */
  take(topicId: string, partition: number): boolean {
    const taken = this.takenOf.get(topicId);
    if (taken === undefined || taken[partition] !== 0) return false;
    taken[partition] = 1;
    return true;
  }

  release(topicId: string, partition: number): void {
    const taken = this.takenOf.get(topicId);
    assert(taken !== undefined && taken[partition] === 1, 'a partition that is given back was taken');
    taken[partition] = 0;
  }

  /** Topic by topic, partitions ascending. */
  free(): PoolPartition[] {
    const free: PoolPartition[] = [];
    for (const [topicId, taken] of this.takenOf) {
      for (let partition = 0; partition < taken.length; partition++) {
        if (taken[partition] === 0) free.push({ topicId, partition });
      }
    }
    return free;
  }
}
