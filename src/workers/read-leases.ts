/**
 * Leases as fronts know them: one number for a whole worker, behind it the partition and that log's own lease. So a lease
 * that comes home late finds its log even when the partition was closed and its slot belongs to another topic.
 */
import { assert, must } from '../base/assert.ts';
import type { OwnedPartition } from './partition-table.ts';

export const READ_LEASES_MAX = 1 << 18;

export class ReadLeases {
  private readonly partitions: (OwnedPartition | null)[] = [];
  private readonly logLeases: number[] = [];
  private readonly free: number[] = [];

  get count(): number {
    return this.partitions.length - this.free.length;
  }

  get isFull(): boolean {
    return this.count === READ_LEASES_MAX;
  }

  grant(partition: OwnedPartition, logLease: number): number {
    assert(!this.isFull, 'leases are granted only while there are any');
    let lease = this.free.pop();
    if (lease === undefined) {
      lease = this.partitions.length;
      this.partitions.push(null);
      this.logLeases.push(-1);
    }
    this.partitions[lease] = partition;
    this.logLeases[lease] = logLease;
    return lease;
  }

  /** Whose bytes they are, be its slot another's by now. */
  partitionOf(lease: number): OwnedPartition {
    return must(this.partitions[lease] ?? null, 'a lease is asked about while it is out');
  }

  /** How many bytes of its region may be shown; they are in memory. 0: the first batch is not what it should be. */
  soundBytes(lease: number, position: number, length: number): number {
    const partition = this.partitionOf(lease);
    return partition.log.soundBytes(must(this.logLeases[lease], 'a lease has its log lease'), position, length);
  }

  /** Gives the lease back to its log. */
  end(lease: number): void {
    const partition = must(this.partitions[lease], 'a lease comes back once');
    this.partitions[lease] = null;
    this.free.push(lease);
    partition.log.releaseLease(must(this.logLeases[lease], 'a lease has its log lease'));
  }
}
