/**
 * Rows in shared memory that several fronts find by the same key: addresses with their connections, quotas with their
 * rates. A row lives while somebody holds it; how many hold it can be asked. What a row means lies elsewhere, by its
 * number.
 *
 *   heads[hash] ─→ row ─→ row        rows: next, holders, four words of key        free ─→ row ─→ row
 *
 * All of it is behind one lock, which is held for a few dozen loads; it is taken when a connection comes or goes, and
 * when a front meets a client id for the first time, never for a request. Keys are digests under a secret of this run, so
 * that no client can choose one that falls together with another's.
 */
import { assert } from '../base/assert.ts';
import { KeyDigest } from '../storage/key-digest.ts';

const LOCK_WORD = 0;
const FREE_WORD = 1;
const UNTOUCHED_WORD = 2;
const HEADER_WORDS = 16;
const ROW_WORDS = 6;
const NEXT = 0;
const HOLDERS = 1;
const KEY = 2;

const UNLOCKED = 0;
const LOCKED = 1;
const CONTENDED = 2;
const LOCK_WAIT_MS = 1000;

export const SECRET_WORDS = 4;
export const NO_ROW = -1;

export class SharedRows {
  readonly rowsMax: number;
  private readonly words: Int32Array;
  private readonly mask: number;
  private readonly rowsAt: number;
  private readonly digest: KeyDigest;
  private readonly encoder = new TextEncoder();

  static bytesFor(rowsMax: number): number {
    return (HEADER_WORDS + headsFor(rowsMax) + rowsMax * ROW_WORDS) * 4;
  }

  constructor(memory: SharedArrayBuffer, rowsMax: number, secret: Int32Array) {
    assert(memory.byteLength >= SharedRows.bytesFor(rowsMax), 'shared rows have memory');
    this.rowsMax = rowsMax;
    this.words = new Int32Array(memory);
    const heads = headsFor(rowsMax);
    this.mask = heads - 1;
    this.rowsAt = HEADER_WORDS + heads;
    this.digest = new KeyDigest(secret);
  }

  /** The row of this key, which the caller holds from now on, or NO_ROW when all of them are held. */
  hold(key: string): number {
    const bytes = this.encoder.encode(key);
    this.digest.digest(bytes, 0, bytes.length);
    this.lock();
    const row = this.find();
    if (row !== NO_ROW) this.words[this.at(row) + HOLDERS]! += 1;
    const held = row === NO_ROW ? this.add() : row;
    this.unlock();
    return held;
  }

  letGo(row: number): void {
    const at = this.at(row);
    this.lock();
    const left = this.words[at + HOLDERS]! - 1;
    this.words[at + HOLDERS] = left;
    if (left === 0) this.remove(row);
    this.unlock();
    assert(left >= 0, 'a row is let go as often as it was held');
  }

  holdersOf(row: number): number {
    return Atomics.load(this.words, this.at(row) + HOLDERS);
  }

  // ── under the lock ────────────────────────────────────────────────────────────────────────────────────────────────

  private find(): number {
    const { words } = this;
    const key = this.digest.words;
    let row = words[this.headOf(key[0]!)]! - 1;
    while (row !== NO_ROW) {
      const at = this.at(row);
      const isSame =
        words[at + KEY] === key[0] &&
        words[at + KEY + 1] === key[1] &&
        words[at + KEY + 2] === key[2] &&
        words[at + KEY + 3] === key[3];
      if (isSame) return row;
      row = words[at + NEXT]! - 1;
    }
    return NO_ROW;
  }

  private add(): number {
    const { words } = this;
    const row = this.takeFree();
    if (row === NO_ROW) return NO_ROW;
    const key = this.digest.words;
    const head = this.headOf(key[0]!);
    const at = this.at(row);
    words.set(key, at + KEY);
    words[at + NEXT] = words[head]!;
    words[head] = row + 1;
    words[at + HOLDERS] = 1;
    return row;
  }

  private takeFree(): number {
    const { words } = this;
    const free = words[FREE_WORD]! - 1;
    if (free !== NO_ROW) {
      words[FREE_WORD] = words[this.at(free) + NEXT]!;
      return free;
    }
    const untouched = words[UNTOUCHED_WORD]!;
    if (untouched === this.rowsMax) return NO_ROW;
    words[UNTOUCHED_WORD] = untouched + 1;
    return untouched;
  }

  private remove(row: number): void {
    const { words } = this;
    const at = this.at(row);
    // The word that leads to the row: the head of its list, or the `next` of the row before it.
    let link = this.headOf(words[at + KEY]!);
    while (words[link] !== row + 1) {
      assert(words[link] !== 0, 'a held row is in the list of its key');
      link = this.at(words[link]! - 1) + NEXT;
    }
    words[link] = words[at + NEXT]!;
    words[at + NEXT] = words[FREE_WORD]!;
    words[FREE_WORD] = row + 1;
  }

  private at(row: number): number {
    assert(row >= 0 && row < this.rowsMax, 'a row is one of the table');
    return this.rowsAt + row * ROW_WORDS;
  }

  private headOf(word: number): number {
    return HEADER_WORDS + (word & this.mask);
  }

  private lock(): void {
    const { words } = this;
    if (Atomics.compareExchange(words, LOCK_WORD, UNLOCKED, LOCKED) === UNLOCKED) return;
    while (Atomics.exchange(words, LOCK_WORD, CONTENDED) !== UNLOCKED) {
      Atomics.wait(words, LOCK_WORD, CONTENDED, LOCK_WAIT_MS);
    }
  }

  private unlock(): void {
    if (Atomics.exchange(this.words, LOCK_WORD, UNLOCKED) === CONTENDED) Atomics.notify(this.words, LOCK_WORD, 1);
  }
}

function headsFor(rowsMax: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, rowsMax)));
}
