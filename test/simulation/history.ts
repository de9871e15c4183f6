/**
 * What the machine went through in a simulation: lives of the broker one after the other, how each ended, and which flushes
 * failed in it. From this follows what a power cut may take: only what no life had the time to flush.
 */
export type LifeEnd = 'stop' | 'kill' | 'power';

export interface Life {
  readonly number: number;
  readonly startedMs: number;
  endedMs: number;
  /** Null: it goes on. */
  end: LifeEnd | null;
  /** By partition folder: since when its flushes fail. */
  readonly failedSyncs: Map<string, number>;
}

/** What a record was promised when it was acknowledged: `device`, or the flush window. */
export type Promised = 'device' | 'window';

export class History {
  readonly lives: Life[] = [];
  /** By partition folder: the process died between a failed flush and the note of it, and nobody can know of it any more. */
  private readonly unnoted = new Set<string>();
  /** Folders of which a flush failed in the process that runs. */
  private readonly inDoubt = new Set<string>();
  /** A flush takes turns of several roles as well. */
  private readonly boundMs: number;

  constructor(boundMs: number) {
    this.boundMs = boundMs;
  }

  get life(): number {
    return this.lives.length - 1;
  }

  begin(nowMs: number): void {
    const number = this.lives.length;
    this.lives.push({
      number,
      startedMs: nowMs,
      endedMs: Number.POSITIVE_INFINITY,
      end: null,
      failedSyncs: new Map(),
    });
  }

  end(how: LifeEnd, nowMs: number): void {
    const life = this.lives.at(-1);
    if (life === undefined || life.end !== null) return;
    life.end = how;
    life.endedMs = nowMs;
  }

  /** The machine lost its power while no broker ran, or while one was about to start. */
  endsInPower(nowMs: number): void {
    const life = this.lives.at(-1);
    if (life === undefined) return;
    if (life.end === null) this.end('power', nowMs);
    else if (life.end === 'kill') life.end = 'power';
  }

  failSync(folder: string, nowMs: number): void {
    this.inDoubt.add(folder);
    const failed = this.lives.at(-1)?.failedSyncs;
    if (failed !== undefined && !failed.has(folder)) failed.set(folder, nowMs);
  }

  /** The process dies; `isNoted` tells whether a folder has the note of a failed flush. */
  dies(isNoted: (folder: string) => boolean): void {
    for (const folder of this.inDoubt) if (!isNoted(folder)) this.unnoted.add(folder);
    this.inDoubt.clear();
  }

  isUnnoted(folder: string): boolean {
    return this.unnoted.has(folder);
  }

  hasPowerCutSince(life: number): boolean {
    return this.lives.slice(Math.max(0, life)).some(({ end }) => end === 'power');
  }

  /** Whether power cuts may have taken what was known to be written at `knownMs` in the given life. */
  mayBeLost(folder: string, knownMs: number, life: number, promised: Promised): boolean {
    if (this.unnoted.has(folder)) return true;
    if (promised === 'device') return false;
    for (const { startedMs, endedMs, end, failedSyncs } of this.lives.slice(life)) {
      const failedMs = failedSyncs.get(folder) ?? Number.POSITIVE_INFINITY;
      const wouldBeFlushedMs = Math.max(knownMs, startedMs) + this.boundMs;
      if (wouldBeFlushedMs <= Math.min(endedMs, failedMs)) return false;
      if (end === 'stop' && failedMs === Number.POSITIVE_INFINITY) return false;
      if (end === 'power') return true;
    }
    return false;
  }
}
