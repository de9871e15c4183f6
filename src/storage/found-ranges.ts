/**
 * What of a segment was there when its log was opened, and which stretches of that have been looked at since. A handful of
 * stretches is remembered, which is what readers at a handful of places make; what is forgotten is looked at again.
 */
const RANGES_MAX = 8;
const NEWS_MAX = 64;

export class FoundRanges {
  /** Bytes that were found; 0: this process wrote all of it. */
  bytes: number;
  /** See `aborted-check`. */
  isAbortedChecked = false;
  private readonly from = new Float64Array(RANGES_MAX);
  private readonly to = new Float64Array(RANGES_MAX);
  private next = 0;
  private readonly told = new Set<number>();

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  /** Where in [position, end) bytes begin that nobody looked at; `end` when there are none. */
  uncheckedFrom(position: number, end: number): number {
    if (position >= this.bytes) return end;
    for (let index = 0; index < RANGES_MAX; index++) {
      if (this.from[index]! > position || this.to[index]! <= position) continue;
      const reached = this.to[index]!;
      return reached >= end || reached >= this.bytes ? end : reached;
    }
    return position;
  }

  note(from: number, to: number): void {
    if (from >= to) return;
    for (let index = 0; index < RANGES_MAX; index++) {
      if (this.to[index] === 0 || this.from[index]! > to || this.to[index]! < from) continue;
      this.from[index] = Math.min(from, this.from[index]!);
      this.to[index] = Math.max(to, this.to[index]!);
      return;
    }
    this.from[this.next] = from;
    this.to[this.next] = to;
    this.next = (this.next + 1) % RANGES_MAX;
  }

  /** What was behind the position is no more. */
  cutTo(position: number): void {
    this.bytes = Math.min(this.bytes, position);
    this.from.fill(0);
    this.to.fill(0);
  }

  /** Once a damaged place, so that a consumer which asks again and again fills no log. */
  isNews(position: number): boolean {
    if (this.told.has(position) || this.told.size >= NEWS_MAX) return false;
    this.told.add(position);
    return true;
  }
}
