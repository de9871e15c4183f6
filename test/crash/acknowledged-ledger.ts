/**
 * What a crash test knows: every batch it sent, and for each whether and at which offset the broker acknowledged it. After
 * a restart it reads a partition and says which promises were broken. Records carry their own name, so that a record found
 * twice or at another offset is recognised.
 */
import type { BatchRecord } from '../../src/protocol/records.ts';

export interface SentBatch {
  readonly partition: number;
  readonly firstName: number;
  readonly count: number;
  /** -1 while nobody knows whether it was stored. */
  baseOffset: number;
}

export class AcknowledgedLedger {
  readonly #sent: SentBatch[][];
  /** By partition: where each record was when it was last read; none may move afterwards. */
  readonly #names: Map<number, number>[];

  constructor(partitions: number) {
    this.#sent = Array.from({ length: partitions }, () => []);
    this.#names = Array.from({ length: partitions }, () => new Map());
  }

  get acknowledgedCount(): number {
    return this.#sent.flat().filter((batch) => batch.baseOffset >= 0).length;
  }

  sent(partition: number, firstName: number, count: number): SentBatch {
    const batch: SentBatch = { partition, firstName, count, baseOffset: -1 };
    this.#sent[partition]?.push(batch);
    return batch;
  }

  /** Compares the records of a partition, all from an offset on, with what was sent and promised. */
  check(partition: number, records: readonly BatchRecord[], from = 0): string[] {
    const problems: string[] = [];
    const offsetOfName = new Map<number, number>();
    let expectedOffset = from;
    for (const record of records) {
      const name = nameOf(record);
      const before = offsetOfName.get(name);
      if (record.offset !== expectedOffset)
        problems.push(`offset ${record.offset} comes where ${expectedOffset} is due`);
      if (name < 0) problems.push(`the record at offset ${record.offset} has changed bytes`);
      else if (before !== undefined)
        problems.push(`record ${name} is at offset ${before} and again at ${record.offset}`);
      const known = this.#names[partition]?.get(name);
      if (known !== undefined && known !== record.offset)
        problems.push(`record ${name} moved from ${known} to ${record.offset}`);
      offsetOfName.set(name, record.offset);
      expectedOffset = record.offset + 1;
    }
    for (const batch of this.#sent[partition] ?? []) {
      if (batch.baseOffset < 0) continue;
      for (let at = Math.max(0, from - batch.baseOffset); at < batch.count; at++) {
        const found = offsetOfName.get(batch.firstName + at);
        if (found === batch.baseOffset + at) continue;
        const where = found === undefined ? 'is gone' : `is at ${found}`;
        problems.push(`record ${batch.firstName + at}, acknowledged at ${batch.baseOffset + at}, ${where}`);
      }
    }
    for (const [name, offset] of offsetOfName) this.#names[partition]?.set(name, offset);
    return problems;
  }
}

const VALUE_MARK = 0x2545f491;

/** A value of a few dozen to a few thousand bytes that follows from the record's name. */
export function valueOfName(name: number): Buffer {
  const length = 40 + ((name * 7919) % 1500);
  const value = Buffer.alloc(length);
  let state = (name ^ VALUE_MARK) >>> 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    value[at] = 97 + ((state >>> 24) % 16);
  }
  return value;
}

/** The name a record claims, or -1 when its bytes are not those that were sent under it. */
function nameOf(record: BatchRecord): number {
  const name = Number(Buffer.from(record.key ?? []).toString());
  const isWhole = Number.isInteger(name) && record.value !== null && valueOfName(name).equals(record.value);
  return isWhole ? name : -1;
}
