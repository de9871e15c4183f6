/**
 * Chooses partitions for records that name none. Records with a key go where Java's client would send them; records
 * without one stick to a partition until a batch's worth of bytes went there and then move to another at random (KIP-794),
 * which makes full batches and still spreads evenly. A program may bring a function of its own.
 */
import { partitionOfKey } from './murmur2.ts';

export interface PartitionChoice {
  readonly topic: string;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly partitionCount: number;
}

export type PartitionFunction = (choice: PartitionChoice) => number;

interface StickyPlace {
  partition: number;
  bytes: number;
}

export class Partitioner {
  readonly #stickyBytes: number;
  readonly #own: PartitionFunction | null;
  readonly #random: () => number;
  readonly #sticky = new Map<string, StickyPlace>();

  constructor(stickyBytes: number, own: PartitionFunction | null = null, random: () => number = Math.random) {
    this.#stickyBytes = stickyBytes;
    this.#own = own;
    this.#random = random;
  }

  /** `recordBytes` is what the record adds to its batch. */
  partitionOf(choice: PartitionChoice, recordBytes: number): number {
    if (this.#own !== null) return this.#own(choice);
    if (choice.key !== null) return partitionOfKey(choice.key, choice.partitionCount);
    return this.#stickyPartition(choice.topic, choice.partitionCount, recordBytes);
  }

  #stickyPartition(topic: string, partitionCount: number, recordBytes: number): number {
    let place = this.#sticky.get(topic);
    if (place === undefined) {
      place = { partition: this.#anyPartition(partitionCount), bytes: 0 };
      this.#sticky.set(topic, place);
    } else if (place.bytes >= this.#stickyBytes || place.partition >= partitionCount) {
      place.partition = this.#otherPartition(place.partition, partitionCount);
      place.bytes = 0;
    }
    place.bytes += recordBytes;
    return place.partition;
  }

  #anyPartition(partitionCount: number): number {
    return Math.min(partitionCount - 1, Math.floor(this.#random() * partitionCount));
  }

  #otherPartition(partition: number, partitionCount: number): number {
    if (partitionCount === 1 || partition >= partitionCount) return this.#anyPartition(partitionCount);
    const next = this.#anyPartition(partitionCount - 1);
    return next >= partition ? next + 1 : next;
  }
}
