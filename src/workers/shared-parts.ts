/**
 * The memory that all threads of one broker share, as it travels in their `workerData`, and who has which bell.
 *
 *   bells:  0 main │ 1 … fronts │ … workers │ … aides
 */
import { assert } from '../base/assert.ts';
import { Bell } from '../zerocopy/bell.ts';
import { BELL_BYTES } from '../zerocopy/layout.ts';
import type { Native } from '../zerocopy/native.ts';

/** Where threads count for the metrics; only there when somebody wants them. */
export interface TallyParts {
  /** The workers' stage board. */
  readonly stages: SharedArrayBuffer;
  /** By front. */
  readonly fronts: readonly { readonly counts: SharedArrayBuffer; readonly stages: SharedArrayBuffer }[];
}

/** The disk aides by what they do: AIDE what somebody waits for, FLUSHER what nobody does. */
export const AIDE = 0;
export const FLUSHER = 1;

export interface SharedParts {
  readonly fronts: number;
  readonly workers: number;
  /** Workers below this number live in the thread of the front of the same number, and share its bell. */
  readonly workersInFronts: number;
  readonly aides: number;
  readonly bells: SharedArrayBuffer;
  readonly board: SharedArrayBuffer;
  /** One a front: where requests are received and batches are written from. Behind them main's own. */
  readonly slabs: readonly SharedArrayBuffer[];
  /** Event descriptors of the fronts that sleep in the kernel; -1 where a front sleeps in an event loop. */
  readonly frontEvents: readonly number[];
  /** False: `--io node`, or there is no native part. */
  readonly usesNative: boolean;
  readonly tallies: TallyParts | null;
}

export function bellBytes(fronts: number, workers: number, aides: number): number {
  return (1 + fronts + workers + aides) * BELL_BYTES;
}

export type WakeLoop = (() => void) | null;

/** What a thread needs to wake roles that sleep in an event loop; null for those it never rings. */
export interface LoopWakers {
  readonly main: WakeLoop;
  readonly fronts: readonly WakeLoop[];
}

export const NO_WAKERS: LoopWakers = { main: null, fronts: [] };

export class Bells {
  private readonly parts: SharedParts;
  private readonly native: Native | null;
  private readonly wakers: LoopWakers;

  constructor(parts: SharedParts, native: Native | null, wakers: LoopWakers) {
    assert(parts.bells.byteLength >= bellBytes(parts.fronts, parts.workers, parts.aides), 'every role has a bell');
    this.parts = parts;
    this.native = native;
    this.wakers = wakers;
  }

  main(): Bell {
    return new Bell(this.parts.bells, 0, this.native, -1, this.wakers.main);
  }

  front(index: number): Bell {
    const event = this.parts.frontEvents[index] ?? -1;
    return new Bell(this.parts.bells, 1 + index, this.native, event, this.wakers.fronts[index] ?? null);
  }

  worker(index: number): Bell {
    if (index < this.parts.workersInFronts) return this.front(index);
    return new Bell(this.parts.bells, 1 + this.parts.fronts + index, this.native, -1, null);
  }

  aide(index: number): Bell {
    return new Bell(this.parts.bells, 1 + this.parts.fronts + this.parts.workers + index, this.native, -1, null);
  }
}
