/**
 * What happens outside of the roles of a broker in one thread: replies of workers on their way to main, and work of the
 * background pool. At once, or, where a simulation decides when, one piece at a time: replies in their order, the pieces of
 * the pool in any.
 */
import { isFault } from '../../src/base/fault.ts';
import type { Logger } from '../../src/base/logger.ts';
import { INFLATED_BYTES_MAX } from '../../src/protocol/batch-check.ts';
import { recompressBatch } from '../../src/protocol/recompress.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { RecodeRequest } from '../../src/workers/worker-post.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import type { Prng } from './prng.ts';

/** Promises of one control request that run one behind the other, generously. */
const MICROTASKS = 40;

export class DeferredWork {
  private readonly random: Prng | null;
  private readonly replies: (() => void)[] = [];
  private readonly pieces: (() => void)[] = [];

  /** Null: everything happens at once. */
  constructor(random: Prng | null) {
    this.random = random;
  }

  reply(deliver: () => void): void {
    if (this.random === null) deliver();
    else this.replies.push(deliver);
  }

  inBackground<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      };
      if (this.random === null) run();
      else this.pieces.push(run);
    });
  }

  deliverOne(): boolean {
    const deliver = this.replies.shift();
    deliver?.();
    return deliver !== undefined;
  }

  workOne(): boolean {
    if (this.random === null || this.pieces.length === 0) return false;
    const [piece] = this.pieces.splice(this.random.nextInt(this.pieces.length), 1);
    piece?.();
    return piece !== undefined;
  }
}

/** As the background pool re-encodes a batch for a topic with a codec of its own. */
export function recodedBytes({ batch, codec, level }: RecodeRequest): Uint8Array | null {
  const wishes = {
    codec,
    ...(level < 0 ? {} : { level }),
    logAppendTime: null,
    maxTimestamp: null,
    inflatedBytesMax: INFLATED_BYTES_MAX,
  };
  return recompressBatch(batch, null, wishes, (memory, at, length) =>
    crc32cInTypeScript({ ...memory, address: 0 }, at, length),
  );
}

/** As main removes files that no log has any more. */
export function removeFiles(disk: Disk, logger: Logger, paths: readonly string[]): void {
  for (const path of paths) {
    try {
      if (disk.stat(path) !== null) disk.remove(path);
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.warn(`${path} could not be removed and is left for the next start: ${error.message}`);
    }
  }
}

/** Promises that are ready run, and those behind them. No timer, no event of the outside world. */
export async function runMicrotasks(count: number = MICROTASKS): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
