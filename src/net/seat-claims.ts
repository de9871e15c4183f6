/**
 * Which processor each front sits on, for all fronts of a broker to see: two that followed the same client would take turns
 * on one processor while others stand idle. A word of shared memory for each front, written by it alone.
 */
const NONE = 0;

export class SeatClaims {
  private readonly words: Int32Array;
  private readonly front: number;

  constructor(memory: SharedArrayBuffer, front: number) {
    this.words = new Int32Array(memory);
    this.front = front;
  }

  static bytesFor(fronts: number): number {
    return fronts * 4;
  }

  /** Two that want the same at the same moment may both be refused; they come again. A refused front has no claim. */
  claim(processor: number): boolean {
    const { words, front } = this;
    Atomics.store(words, front, processor + 1);
    for (let other = 0; other < words.length; other++) {
      if (other === front || Atomics.load(words, other) !== processor + 1) continue;
      Atomics.store(words, front, NONE);
      return false;
    }
    return true;
  }

  drop(): void {
    Atomics.store(this.words, this.front, NONE);
  }
}
