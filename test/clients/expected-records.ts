/**
 * The records that every round trip sends: record `i` has a key, a value, a timestamp and two headers that follow from `i`,
 * so that whoever reads them knows what was lost, doubled or changed. The foreign programs have the same rules in their
 * own languages.
 */
import type { RecordHeader } from '../../src/protocol/records.ts';

export const BASE_TIMESTAMP_MS = 1_700_000_000_000;
export const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CodecName = (typeof codecNames)[number];

export interface ExpectedRecord {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
}

export function expectedKey(i: number): string {
  return `key-${i}`;
}

export function expectedValue(i: number): string {
  return `value-${i}-${String(i).padStart((i % 90) + 1, '0')}`;
}

export function expectedRecord(i: number): ExpectedRecord {
  return {
    key: Buffer.from(expectedKey(i)),
    value: Buffer.from(expectedValue(i)),
    timestamp: BASE_TIMESTAMP_MS + i,
    headers: [
      { key: 'index', value: Buffer.from(String(i)) },
      { key: 'empty', value: Buffer.alloc(0) },
    ],
  };
}

export interface Outcome {
  readonly sent: number;
  readonly read: number;
  readonly lost: number;
  readonly doubled: number;
  readonly changed: number;
}

/** Takes what was read, in any order, and says what is wrong with it. */
export class Ledger {
  readonly #seen: Uint8Array;
  #read = 0;
  #changed = 0;

  constructor(count: number) {
    this.#seen = new Uint8Array(count);
  }

  get read(): number {
    return this.#read;
  }

  /** `isSame` compares everything but the key with what record `i` must be. */
  take(key: string, isSame: (i: number) => boolean): void {
    this.#read++;
    const i = Number(/^key-(\d+)$/.exec(key)?.[1] ?? -1);
    const times = this.#seen[i];
    if (times === undefined || !isSame(i)) this.#changed++;
    else this.#seen[i] = times + 1;
  }

  outcome(): Outcome {
    let lost = 0;
    let doubled = 0;
    for (const times of this.#seen) {
      if (times === 0) lost++;
      else doubled += times - 1;
    }
    return { sent: this.#seen.length, read: this.#read, lost, doubled, changed: this.#changed };
  }
}
