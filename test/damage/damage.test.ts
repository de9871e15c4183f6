/**
 * The damage programme in one process: every cut length, and flipped bits, of every file of a small data folder; each broken
 * folder is opened as a start does it and read by a consumer that checks checksums. PERFBROKER_DAMAGE_FLIPS: so many random flips
 * in folders of many shapes (`npm run nightly:damage`: a million, and every bit of one small folder before); PERFBROKER_DAMAGE_SEED
 * reproduces a run. A sample without.
 */
import { describe, expect, it } from 'vitest';
import { isFault } from '../../src/base/fault.ts';
import { scanFile } from '../../src/cluster/metadata-frames.ts';
import { BATCH_HEADER_BYTES, batchBytes, batchIsTransactional } from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import { TIME_ENTRY_BYTES } from '../../src/storage/time-index.ts';
import { Prng } from '../support/prng.ts';
import { batchAt, bitFlipped, metadataOf } from './breaking.ts';
import { FOLDER, makeSmallFolder, type SmallFolder } from './small-folder.ts';
import { tryFolder, type Verdict } from './trial.ts';

const flipCount = Number(process.env['PERFBROKER_DAMAGE_FLIPS'] ?? 3000);
const seed = Number(process.env['PERFBROKER_DAMAGE_SEED'] ?? 20_261_127);
const LOG = `${FOLDER}/00000000000000000000.log`;
const FLIPS_MS_MAX = 60_000 + flipCount * 20;
const FLIPS_PER_SHAPE = 500;
const BATCHES_MIN = 9;
const BATCHES_MAX = 48;
/** From so many random flips on, every bit of a folder is flipped as well. */
const THOROUGH_FLIPS = 100_000;
const isThorough = flipCount >= THOROUGH_FLIPS;
/** Base offset, length and leader epoch. */
const PLACE_BYTES = 16;
const MARKER_RECORD_BYTES = 17;

interface Trial {
  readonly isClean: boolean;
  readonly folder: SmallFolder;
}

/** Counts 1 when it cost something. */
function flip({ isClean, folder }: Trial, path: string, bit: number, failed: string[]): number {
  const verdict = tryFolder(folder, bitFlipped(folder.files, path, bit));
  for (const complaint of complaintsOf(folder, path, bit >> 3, isClean, verdict))
    failed.push(`${path} bit ${bit} (stopped cleanly: ${isClean}): ${complaint}`);
  return verdict.lostBatches > 0 || verdict.end !== folder.end ? 1 : 0;
}

/** Bytes of a segment that say where its batches belong, and those that hold the signs of times. */
function placesIn(path: string, bytes: Uint8Array): number[] {
  if (path.endsWith('.timeindex')) return [...bytes.keys()].filter((at) => at % TIME_ENTRY_BYTES === 0);
  if (!path.endsWith('.log')) return [];
  const places: number[] = [];
  const { view } = memoryOver(bytes.slice());
  for (let at = 0; at < bytes.length; at += batchBytes(view, at))
    for (let byte = 0; byte < PLACE_BYTES; byte++) places.push(at + byte);
  return places;
}

/** What must not be, in sentences; empty: detected, or harmless. */
function complaintsOf(folder: SmallFolder, path: string, at: number, isClean: boolean, verdict: Verdict): string[] {
  const found: string[] = [];
  const isLog = path.endsWith('.log');
  if (verdict.refusal !== null) {
    // The one file that a start refuses over says what to write into it.
    if (!path.endsWith('perfbroker.format') || !verdict.refusal.includes('1'))
      found.push(`refused: ${verdict.refusal}`);
    return found;
  }
  if (verdict.wrong.length > 0) found.push(`wrong: ${verdict.wrong[0]}`);
  if (verdict.abortedWrong) found.push('aborted transactions are others');
  if (!isLog && verdict.timesWrong > 0) found.push(`${verdict.timesWrong} offsets found by time are others`);
  if (verdict.lostBatches > (isLog ? 1 : 0)) found.push(`${verdict.lostBatches} batches are lost`);
  if (verdict.end > folder.end) found.push(`the log ends at ${verdict.end}`);
  if (verdict.end < folder.end) {
    const hit = isLog ? batchAt(folder, path, at) : -1;
    if (isClean || hit < 0) found.push(`the log was cut to ${verdict.end}`);
    else if (verdict.end < hit) found.push(`the log was cut to ${verdict.end}, before the damaged batch at ${hit}`);
  }
  // Where the log was cut a marker may be lost: see the limits in docs/durability.md.
  if (verdict.end === folder.end && verdict.stable < folder.stable)
    found.push(`readers of committed records get no further than ${verdict.stable}`);
  const isAffected = verdict.lostBatches > 0 || verdict.end < folder.end;
  if (isAffected && verdict.warnings.length === 0 && verdict.troubles === 0) found.push('nobody was told');
  return found;
}

const folders = [true, false].map((isClean) => ({ isClean, folder: makeSmallFolder({ isClean }) }));

describe('damage', () => {
  it.each(folders)('none: everything is there (stopped cleanly: $isClean)', ({ folder }) => {
    expect(tryFolder(folder, folder.files)).toMatchObject({
      wrong: [],
      lostBatches: 0,
      end: folder.end,
      troubles: 0,
      refusal: null,
      abortedWrong: false,
      timesWrong: 0,
    });
  });

  it(
    'a flipped bit of any file is detected or harmless',
    () => {
      const random = new Prng(seed);
      const failed: string[] = [];
      let affected = 0;
      let trial: Trial = { isClean: true, folder: makeSmallFolder({ isClean: true }) };
      for (let count = 0; count < flipCount; count++) {
        if (count % FLIPS_PER_SHAPE === 0) {
          const [isClean, batches] = [random.nextBoolean(), BATCHES_MIN + random.nextInt(BATCHES_MAX - BATCHES_MIN)];
          trial = { isClean, folder: makeSmallFolder({ isClean, batches }) };
        }
        const { files } = trial.folder;
        const paths = [...files.keys()].filter((path) => metadataOf(path) === null);
        const path = paths[random.nextInt(paths.length)] ?? '';
        const bits = (files.get(path)?.length ?? 0) * 8;
        if (bits === 0) continue;
        affected += flip(trial, path, random.nextInt(bits), failed);
      }
      console.log(
        `damage: ${flipCount} flips from seed ${seed}: ${affected} cost a batch or a tail, ${failed.length} failed`,
      );
      expect(failed.slice(0, 20)).toEqual([]);
      expect(affected).toBeGreaterThan(0);
    },
    FLIPS_MS_MAX,
  );

  it(
    `a flipped bit of ${isThorough ? 'everything' : "a batch's place, which no checksum covers,"} costs that batch at most`,
    () => {
      const failed: string[] = [];
      let count = 0;
      for (const trial of folders) {
        for (const [path, bytes] of trial.folder.files) {
          if (metadataOf(path) !== null) continue;
          for (const at of isThorough ? bytes.keys() : placesIn(path, bytes)) {
            for (let bit = at * 8; bit < at * 8 + 8; bit++) flip(trial, path, bit, failed);
            count += 8;
          }
        }
      }
      console.log(`damage: ${count} flips one after the other, ${failed.length} failed`);
      expect(failed.slice(0, 20)).toEqual([]);
      expect(count).toBeGreaterThan(2000);
    },
    FLIPS_MS_MAX + 300_000,
  );

  // Once recovery, which does not scan what a checkpoint vouches for, made an abort of a commit, or waited for another marker.
  it('a batch of a transaction that rots neither turns the transaction nor leaves it open', () => {
    const trial = { isClean: false, folder: makeSmallFolder({ isClean: false, batches: 34 }) };
    const failed: string[] = [];
    let count = 0;
    const paths = [...trial.folder.files.keys()].filter((path) => path.endsWith('.log')).sort();
    for (const path of paths.slice(-2)) {
      const bytes = trial.folder.files.get(path) ?? new Uint8Array(0);
      const { view } = memoryOver(bytes.slice());
      for (let at = 0; at < bytes.length; at += batchBytes(view, at)) {
        if (!batchIsTransactional(view, at)) continue;
        const until = at + Math.min(batchBytes(view, at), BATCH_HEADER_BYTES + MARKER_RECORD_BYTES);
        for (let bit = (at + PLACE_BYTES) * 8; bit < until * 8; bit++, count++) flip(trial, path, bit, failed);
      }
    }
    expect(failed).toEqual([]);
    expect(count).toBeGreaterThan(400);
  });

  it('every length to which a file of one of the last two segments is cut', () => {
    const failed: string[] = [];
    let count = 0;
    for (const { isClean, folder } of folders) {
      const bases = [...folder.files.keys()]
        .filter((path) => path.endsWith('.log'))
        .sort()
        .slice(-2);
      for (const base of bases.map((path) => path.slice(0, -'.log'.length))) {
        for (const [path, bytes] of folder.files) {
          // A cut file of aborted transactions is found by `log verify` and the scrubber: see docs/durability.md.
          if (!path.startsWith(`${base}.`) || path.endsWith('.txnindex')) continue;
          for (let length = 0; length < bytes.length; length++) {
            count += 1;
            const verdict = tryFolder(folder, new Map(folder.files).set(path, bytes.slice(0, length)));
            const what = complaintsOfCut(folder, path, length, isClean, verdict);
            failed.push(
              ...what.map((complaint) => `${path} cut to ${length} (stopped cleanly: ${isClean}): ${complaint}`),
            );
          }
        }
      }
    }
    console.log(`damage: ${count} cut lengths, ${failed.length} failed`);
    expect(failed.slice(0, 20)).toEqual([]);
    expect(count).toBeGreaterThan(2000);
  });

  it('a flipped bit of the metadata file is refused with a sentence, or costs the last record at most', () => {
    const { folder } = folders[0] ?? { folder: makeSmallFolder({ isClean: true }) };
    const [path, bytes] = [...folder.files].find(([name]) => metadataOf(name) !== null) ?? ['', new Uint8Array(0)];
    const { records } = scanFile(bytes, path);
    let refused = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      try {
        const found = scanFile(bitFlipped(folder.files, path, bit).get(path) ?? bytes, path).records;
        const isHarmless = found.length === records.length;
        expect({ bit, found }).toEqual({ bit, found: isHarmless ? records : records.slice(0, -1) });
      } catch (error) {
        if (!isFault(error)) throw error;
        refused += 1;
        expect(error.message).toMatch(/restore it|start that version/);
      }
    }
    expect(refused).toBeGreaterThan(bytes.length * 4);
  });

  it('is noticed by the checker: a record at the wrong offset, a lost batch, a silent cut', () => {
    const { folder } = folders[0] ?? { folder: makeSmallFolder({ isClean: true }) };
    const lied = { ...folder, truth: new Map(folder.truth).set(9, 'another record') };
    const sound = tryFolder(lied, folder.files);
    expect(complaintsOf(lied, LOG, 0, true, sound).join()).toContain('wrong: offset 9');
    const lacking = { ...sound, wrong: [], lostBatches: 2 };
    expect(complaintsOf(folder, LOG, 0, true, lacking).join()).toContain('2 batches are lost');
    const cut = { ...sound, wrong: [], end: 3 };
    expect(complaintsOf(folder, LOG, 0, true, cut).join()).toContain('the log was cut to 3');
    expect(complaintsOf(folder, 'x.index', 0, true, { ...sound, wrong: [], refusal: 'no' })).toEqual(['refused: no']);
  });
});

/** Of a cut: nothing before the cut is lost, and what is lost is told or answered with an error. */
function complaintsOfCut(
  folder: SmallFolder,
  path: string,
  length: number,
  isClean: boolean,
  verdict: Verdict,
): string[] {
  const found: string[] = [];
  const isLog = path.endsWith('.log');
  if (verdict.refusal !== null) return [`refused: ${verdict.refusal}`];
  if (verdict.wrong.length > 0) found.push(`wrong: ${verdict.wrong[0]}`);
  if (verdict.abortedWrong) found.push('aborted transactions are others');
  const hit = isLog ? batchAt(folder, path, length) : folder.end;
  if (verdict.end < hit) found.push(`the log was cut to ${verdict.end}, before ${hit}`);
  if (!isLog && verdict.lostBatches > 0) found.push('batches are lost');
  if (isLog && verdict.firstLost >= 0 && verdict.firstLost < hit)
    found.push(`lost from ${verdict.firstLost} on, cut at ${hit}`);
  const isAffected = verdict.lostBatches > 0 || verdict.end < folder.end;
  // What a killed broker wrote last nobody vouches for: a file that ends with a batch ends there.
  const isUnknowable = !isClean && verdict.end === hit && verdict.lostBatches === 0;
  if (isAffected && !isUnknowable && verdict.warnings.length === 0) found.push('nobody was told');
  if (isLog && isClean && verdict.end !== folder.end)
    found.push(`offsets that were flushed are given out again: ${verdict.end}`);
  return found;
}
