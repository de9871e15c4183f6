/**
 * The rates that quotas bound, over all fronts: a client has one rate with the broker, however its connections are
 * spread. Every front counts in a column of its own and adds up all of them when it looks, so nobody waits for anybody;
 * only finding a row takes the lock of `shared-rows`, once for a client and front.
 *
 *   row of a quota:  │ front 0: windows │ front 1: windows │ … │      written by its front, read by all
 */
import { assert } from '../base/assert.ts';
import { RateWindow, rateCells } from './rate-window.ts';
import { NO_ROW, type SharedRows } from './shared-rows.ts';

export interface SharedRatesParts {
  readonly rows: SharedRows;
  readonly cells: SharedArrayBuffer;
  readonly fronts: number;
  readonly front: number;
  readonly windowCount: number;
}

export class SharedRates {
  private readonly parts: SharedRatesParts;
  private readonly cells: Float64Array;
  private readonly columnCells: number;

  constructor(parts: SharedRatesParts) {
    this.parts = parts;
    this.columnCells = rateCells(parts.windowCount);
    this.cells = new Float64Array(parts.cells);
    assert(this.cells.length >= parts.rows.rowsMax * parts.fronts * this.columnCells, 'every row has its columns');
  }

  /** NO_ROW: more clients than there are rows for; such a rate is this front's alone. */
  hold(shareKey: string, windowCount: number): number {
    return windowCount === this.parts.windowCount ? this.parts.rows.hold(shareKey) : NO_ROW;
  }

  letGo(row: number): void {
    if (row === NO_ROW) return;
    // Whoever gets the row next, or this front when it comes back, begins with an empty column.
    const at = (row * this.parts.fronts + this.parts.front) * this.columnCells;
    this.cells.fill(0, at, at + this.columnCells);
    this.parts.rows.letGo(row);
  }

  windowOf(row: number, windowCount: number, windowMs: number): RateWindow {
    if (row === NO_ROW) return new RateWindow(windowCount, windowMs);
    const { fronts, front } = this.parts;
    const at = row * fronts * this.columnCells;
    return new RateWindow(windowCount, windowMs, { cells: this.cells, at, columns: fronts, own: front });
  }
}
