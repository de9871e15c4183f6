/**
 * Hands out producer ids, each once in the life of the cluster. A block is written down before its first id is used, so
 * a crash can waste ids but never give one twice.
 */
import { assert } from '../base/assert.ts';

export const PRODUCER_ID_BLOCK = 1000;
/**
 * Where ids begin in an adopted data folder: its logs hold producer ids that Kafka gave out from 0 upwards, and one of
 * ours must not meet the sequence numbers of one of theirs.
 */
export const ADOPTED_PRODUCER_IDS_FROM = 2 ** 40;

export class ProducerIds {
  private next = 0;
  private end = 0;

  /** Null: ask for a block first. */
  take(): number | null {
    return this.next < this.end ? this.next++ : null;
  }

  addBlock(first: number): void {
    assert(this.next === this.end, 'a block is added when the one before is used up');
    this.next = first;
    this.end = first + PRODUCER_ID_BLOCK;
  }
}
