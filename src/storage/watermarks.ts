/**
 * The four offsets that say what of a log may be seen, and the order they keep:
 *
 *     start ≤ stable ≤ high ≤ end
 *
 * start: first offset still kept. stable: first offset of an undecided transaction, or high. high: what consumers may
 * read. end: the next offset after what the write call has taken. There is one setter, so there is one place to check.
 */
import { assert } from '../base/assert.ts';

export class Watermarks {
  private startOffset: number;
  private stableOffset: number;
  private highOffset: number;
  private endOffset: number;

  constructor(start: number, end: number) {
    assert(start >= 0, 'a log starts at 0 or later');
    assert(start <= end, 'a log ends where it starts or later');
    this.startOffset = start;
    this.stableOffset = end;
    this.highOffset = end;
    this.endOffset = end;
  }

  get start(): number {
    return this.startOffset;
  }

  get stable(): number {
    return this.stableOffset;
  }

  get high(): number {
    return this.highOffset;
  }

  get end(): number {
    return this.endOffset;
  }

  set(start: number, stable: number, high: number, end: number): void {
    assert(start <= stable, 'the start of a log is not past its stable offset');
    assert(stable <= high, 'the stable offset is not past the high watermark');
    assert(high <= end, 'the high watermark is not past the end');
    assert(Number.isSafeInteger(end), 'offsets stay exact');
    this.startOffset = start;
    this.stableOffset = stable;
    this.highOffset = high;
    this.endOffset = end;
  }
}
