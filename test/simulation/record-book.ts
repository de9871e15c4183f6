/** Counts of what happened in a run, and a hash over its trace: the same seed gives the same. */
export class RecordBook {
  readonly counts = new Map<string, number>();
  private readonly say: ((line: string) => void) | null;
  private state = 0x811c9dc5;

  /** With `say` every line is told as it comes. */
  constructor(say: ((line: string) => void) | null) {
    this.say = say;
  }

  get hash(): string {
    return (this.state >>> 0).toString(16).padStart(8, '0');
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  note(line: string): void {
    for (let at = 0; at < line.length; at++) this.state = Math.imul(this.state ^ line.charCodeAt(at), 0x01000193);
    this.say?.(line);
  }
}
