/**
 * One trial of the damage programme: a folder of which something is broken is opened as a start does it, read to its end by a
 * consumer that checks, and compared with what is true. What counts as a verdict:
 *
 *   wrong      a record at an offset where another belongs, or a transaction aborted that was not: never
 *   lost       batches of which no record came, beyond those a cut at the damaged place takes: one at most
 *   silent     something is lost, and nobody said a word: never
 */
import { isFault } from '../../src/base/fault.ts';
import type { Log } from '../../src/storage/log.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import { append, batch, makeTools, NOW_MS, open } from '../storage/storage-kit.ts';
import { consumeAll } from './checking-consumer.ts';
import { BOOT, diskWith, FOLDER, listAborted, ROOT, SETTINGS, type SmallFolder } from './small-folder.ts';

export interface Verdict {
  readonly wrong: readonly string[];
  readonly lostBatches: number;
  /** First offset of the first of them; -1: none is. */
  readonly firstLost: number;
  /** Where the log ends now. */
  readonly end: number;
  /** Up to where readers of committed records get. */
  readonly stable: number;
  readonly warnings: readonly string[];
  readonly troubles: number;
  /** A sentence, when it was refused to open. */
  readonly refusal: string | null;
  readonly abortedWrong: boolean;
  /** Offsets found by time that are others than the right ones. */
  readonly timesWrong: number;
}

/** `isClean`: whether the start believes that the last stop was clean, if the mark is there. */
export function tryFolder(folder: SmallFolder, files: ReadonlyMap<string, Uint8Array>): Verdict {
  const disk = diskWith(files);
  const { tools, warnings } = makeTools(disk);
  const verdict = {
    wrong: [],
    lostBatches: 0,
    firstLost: -1,
    end: -1,
    stable: -1,
    warnings,
    troubles: 0,
    refusal: null,
    abortedWrong: false,
    timesWrong: 0,
  };
  try {
    const directory = new LogDirectory(disk, ROOT);
    directory.open(BOOT);
    const isClean = directory.takeCleanMark();
    const vouchers = directory.vouchersOf('orders', 0);
    warnings.push(...directory.notices);
    const log = open(tools, { folder: FOLDER, settings: SETTINGS, isClean, ...vouchers, leaderEpoch: isClean ? 2 : 3 });
    const { end, stable } = log.watermarks;
    const { got, troubles } = consumeAll(tools, log);
    const wrong: string[] = [];
    for (const [offset, text] of got) {
      if (folder.truth.get(offset) !== text) wrong.push(`offset ${offset}: ${text}`);
    }
    const lost = lostBatchesOf(folder, got, end);
    const lostBatches = lost.length;
    const firstLost = lost[0] ?? -1;
    const abortedWrong = wrongAborted(folder, listAborted(log, end), end);
    const timesWrong = countWrongTimes(folder, log);
    // It goes on: what is written now is read back at its place.
    append(log, batch({ key: new TextEncoder().encode('new'), timestamps: [NOW_MS] }));
    const again = consumeAll(tools, log).got.get(end);
    if (again === undefined || !again.startsWith('new ')) wrong.push(`what is written at ${end} reads as ${again}`);
    return {
      ...verdict,
      wrong,
      lostBatches,
      firstLost,
      end,
      stable,
      troubles: troubles.length,
      abortedWrong,
      timesWrong,
    };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { ...verdict, refusal: error.message };
  }
}

/** First offsets of batches before the end of which a record is missing. */
function lostBatchesOf({ truth, batchStarts }: SmallFolder, got: ReadonlyMap<number, string>, end: number): number[] {
  const lost: number[] = [];
  for (const [index, first] of batchStarts.entries()) {
    const behind = batchStarts[index + 1] ?? 0;
    if (first >= end || first >= behind) continue;
    for (let offset = first; offset < behind; offset++) {
      if (!truth.has(offset) || got.has(offset)) continue;
      lost.push(first);
      break;
    }
  }
  return lost;
}

/** ListOffsets by time, against the records. */
function countWrongTimes({ truth }: SmallFolder, log: Log): number {
  let wrong = 0;
  const rows = [...truth].map(([offset, text]) => ({ offset, timestamp: Number(text.split(' ').at(-1)) }));
  const known = rows.filter(({ timestamp }) => timestamp > NOW_MS).sort((left, right) => left.offset - right.offset);
  for (const { timestamp } of known) {
    const expected = known.find((row) => row.timestamp >= timestamp)?.offset;
    if (log.findByTimestamp(timestamp, 0).offset !== expected) wrong += 1;
  }
  return wrong;
}

function wrongAborted({ aborted }: SmallFolder, found: readonly string[], end: number): boolean {
  // One whose marker was cut off is open again, and not in the list.
  const expected = aborted.filter(({ lastOffset }) => lastOffset < end).map(({ text }) => text);
  return found.join() !== expected.join();
}
