/**
 * When offsets of a log were written, roughly: what makes a lag in records a lag in seconds, without reading a record. For
 * each log that grows, a bounded row of samples; looked at once a second by `pulse`.
 *
 *   a sample: the log ended at `offset` from `sinceMs` to `untilMs`
 *
 *   offsets  … 100 ─────── 250 ──── 900 …           the record 400 was written between the `until` of 250 and the `since`
 *   times    … 10:00:01    10:00:02  10:00:07       of 900; in between it is taken to have grown evenly
 *
 * A full row is thinned to every second sample, so that the spacing grows with age: a lag of minutes is known to seconds, one
 * of days to hours. A lag older than the history (or than this process) is told as at least that old.
 */
const SAMPLES = 24;
const OFFSET = 0;
const SINCE = 1;
const UNTIL = 2;
const NUMBERS = 3;
/** 600 bytes each. Logs beyond are not followed. */
const LOGS_MAX = 20_000;

class Row {
  readonly numbers = new Float64Array(SAMPLES * NUMBERS);
  count = 0;
}

export class LagHistory {
  private readonly rows = new Map<number, Row>();

  get logCount(): number {
    return this.rows.size;
  }

  /** The log in this slot ends at `end` now. */
  note(slot: number, end: number, nowMs: number): void {
    const row = this.rows.get(slot) ?? this.newRow(slot);
    if (row === null) return;
    const { numbers } = row;
    const last = (row.count - 1) * NUMBERS;
    if (row.count > 0 && numbers[last + OFFSET] === end) {
      numbers[last + UNTIL] = nowMs;
      return;
    }
    // A log that became shorter is another one.
    if (row.count > 0 && (numbers[last + OFFSET] ?? 0) > end) row.count = 0;
    if (row.count === SAMPLES) thin(row);
    const at = row.count * NUMBERS;
    numbers[at + OFFSET] = end;
    numbers[at + SINCE] = nowMs;
    numbers[at + UNTIL] = nowMs;
    row.count += 1;
  }

  /** How long ago the record at `offset` was written, in a log that ends at `end`; null: the log is not followed. */
  ageMs(slot: number, offset: number, end: number, nowMs: number): number | null {
    if (offset >= end) return 0;
    const row = this.rows.get(slot);
    if (row === undefined || row.count === 0) return null;
    const { numbers } = row;
    let index = row.count - 1;
    while (index >= 0 && (numbers[index * NUMBERS + OFFSET] ?? 0) > offset) index -= 1;
    if (index < 0) return Math.max(0, nowMs - (numbers[SINCE] ?? nowMs));
    const at = index * NUMBERS;
    const isLast = index === row.count - 1;
    const fromOffset = numbers[at + OFFSET] ?? 0;
    const fromMs = numbers[at + UNTIL] ?? nowMs;
    const toOffset = isLast ? end : (numbers[at + NUMBERS + OFFSET] ?? end);
    const toMs = isLast ? nowMs : (numbers[at + NUMBERS + SINCE] ?? nowMs);
    const share = toOffset > fromOffset ? (offset - fromOffset) / (toOffset - fromOffset) : 0;
    return Math.max(0, nowMs - (fromMs + share * (toMs - fromMs)));
  }

  /** Keeps only logs that are still there. */
  keep(isOpen: (slot: number) => boolean): void {
    for (const slot of this.rows.keys()) if (!isOpen(slot)) this.rows.delete(slot);
  }

  private newRow(slot: number): Row | null {
    if (this.rows.size >= LOGS_MAX) return null;
    const row = new Row();
    this.rows.set(slot, row);
    return row;
  }
}

/** The newest stays, and of the others every second one, the oldest among them. */
function thin(row: Row): void {
  const { numbers } = row;
  let to = 0;
  for (let from = 0; from < row.count; from++) {
    if (from % 2 === 1 && from !== row.count - 1) continue;
    numbers.copyWithin(to * NUMBERS, from * NUMBERS, (from + 1) * NUMBERS);
    to += 1;
  }
  row.count = to;
}
