/**
 * What the members of a share group know together: who was handed which record, and what became of it. No record is with two
 * members at a time, none that is done with comes again, and the group goes on past none that was not.
 */
import type { PartitionModel } from './partition-model.ts';
import type { SimulatedLink } from './simulated-link.ts';
import type { Simulation } from './simulation.ts';
import { demand } from './violation.ts';

export const LOCK_MS = 1000;
const DELIVERIES_MAX = 5;
const STATE_FOLDERS = ['__share_group_state-0', '__share_group_state-1'];

interface Handed {
  readonly link: SimulatedLink;
  readonly untilMs: number;
  readonly life: number;
  readonly count: number;
  /** Sent and not answered, or answered; what is neither may come again. */
  end: 'none' | 'doubtful' | 'done';
  doneMs: number;
  doneLife: number;
}

export class ShareBook {
  readonly group: string;
  private readonly simulation: Simulation;
  private readonly handed = new Map<PartitionModel, Map<number, Handed>>();
  private readonly cutsSeen = new Map<PartitionModel, number>();

  constructor(simulation: Simulation, group: string) {
    this.simulation = simulation;
    this.group = group;
  }

  /** It had asked at `askedMs`, over this connection. */
  given(link: SimulatedLink, model: PartitionModel, offset: number, count: number, askedMs: number): void {
    const { trueMs, history, isDiskTroubled } = this.simulation;
    const all = this.of(model);
    const before = all.get(offset);
    const what = `${this.group}: the record at ${offset} of ${model.folder}`;
    demand(count >= 1 && count <= DELIVERIES_MAX, () => `${what} is handed out for the ${count}th time`);
    // Of an answer that was long on its way nothing follows any more.
    if (before !== undefined && trueMs > askedMs + LOCK_MS) return;
    if (before !== undefined) {
      const isDone = before.end === 'done' && !this.mayBeLost(before);
      demand(!isDone, () => `${what} is handed out, though it is done with`);
      const isHeld = before.end === 'none' && before.life === history.life && trueMs < before.untilMs;
      const isOthers = before.link !== link && !before.link.isBroken;
      // What could not be stored is read anew, and nobody's locks are stored.
      demand(!isHeld || !isOthers || isDiskTroubled, () => `${what} is handed out while another member has it`);
    }
    const state = { doneMs: 0, doneLife: 0, end: 'none' } as const;
    all.set(offset, { link, untilMs: askedMs + LOCK_MS, life: history.life, count, ...state });
  }

  /** Its member says so, and is not answered yet. */
  tells(model: PartitionModel, offsets: readonly number[], isReleased: boolean): void {
    for (const offset of offsets) {
      const one = this.of(model).get(offset);
      if (one === undefined || one.end === 'done') continue;
      if (isReleased) this.of(model).set(offset, { ...one, untilMs: Number.NEGATIVE_INFINITY });
      else one.end = 'doubtful';
    }
  }

  /** It was answered. */
  settled(model: PartitionModel, offsets: readonly number[]): void {
    for (const offset of offsets) {
      const one = this.of(model).get(offset);
      if (one === undefined) continue;
      one.end = 'done';
      one.doneMs = this.simulation.trueMs;
      one.doneLife = this.simulation.history.life;
    }
  }

  /** The group begins at `startOffset` in a log that begins at `logStart`. */
  checkStart(model: PartitionModel, logStart: number, startOffset: number): void {
    const all = this.of(model);
    for (let offset = logStart; offset < startOffset; offset++) {
      if (model.stampAt(offset) === null) continue;
      const one = all.get(offset);
      const isOver = one !== undefined && (one.end !== 'none' || one.count === DELIVERIES_MAX);
      demand(isOver, () => `${this.group}: goes on at ${startOffset} of ${model.folder}, past the record at ${offset}`);
    }
    this.simulation.book.count('starts of share groups checked');
  }

  private mayBeLost({ doneMs, doneLife }: Handed): boolean {
    const { history, profile } = this.simulation;
    return STATE_FOLDERS.some((folder) => history.mayBeLost(folder, doneMs, doneLife, profile.promised));
  }

  /** Records in the place of lost ones are others. */
  private of(model: PartitionModel): Map<number, Handed> {
    const all = this.handed.get(model) ?? new Map<number, Handed>();
    this.handed.set(model, all);
    const { truncations } = model;
    for (const { endOffset } of truncations.slice(this.cutsSeen.get(model) ?? 0))
      for (const offset of all.keys()) if (offset >= endOffset) all.delete(offset);
    this.cutsSeen.set(model, truncations.length);
    return all;
  }
}
