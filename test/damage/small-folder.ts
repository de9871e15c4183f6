/**
 * A small data folder with something of everything, made once and copied onto fresh disks: a log of several segments with plain,
 * idempotent and transactional batches under three leader epochs, a compacted log, checkpoints. And what is true of it: which
 * record lies at which offset.
 */
import { abortedIndexOf } from '../../src/cli/segment-file.ts';
import type { CatalogRecord } from '../../src/cluster/catalog-records.ts';
import { METADATA_FILE_NAME } from '../../src/cluster/file-store.ts';
import { encodeFrame, fileHeader } from '../../src/cluster/metadata-frames.ts';
import { AbortedList } from '../../src/storage/aborted-index.ts';
import type { Log } from '../../src/storage/log.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import type { LogSettings } from '../../src/storage/log-settings.ts';
import { APPEND_FLAG_INTERNAL } from '../../src/zerocopy/layout.ts';
import { append, batch, makeTools, marker, NOW_MS, open, queue, SMALL, TOPIC_ID } from '../storage/storage-kit.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { recordsOf } from './records-of.ts';

export const ROOT = 'data';
export const BOOT = 'boot-of-the-test';
export const NAME = 'orders-0';
export const FOLDER = `${ROOT}/${NAME}`;
export const SETTINGS: LogSettings = { ...SMALL, segmentBytesMax: 900, indexIntervalBytes: 150 };

export interface SmallFolder {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What a consumer of everything is to get: offset → what it says. */
  readonly truth: ReadonlyMap<number, string>;
  readonly end: number;
  readonly stable: number;
  /** First offset of every batch, and behind the last one the end. */
  readonly batchStarts: readonly number[];
  readonly aborted: readonly AbortedFact[];
}

export interface AbortedFact {
  /** Producer and first offset. */
  readonly text: string;
  /** Of its marker. */
  readonly lastOffset: number;
}

export interface FolderWish {
  /** Stopped cleanly; else killed. */
  readonly isClean: boolean;
  readonly batches?: number;
}

export function makeSmallFolder({ isClean, batches = 24 }: FolderWish): SmallFolder {
  const disk = new FakeDisk();
  const directory = new LogDirectory(disk, ROOT);
  directory.open(BOOT);
  const log = open(makeTools(disk).tools, { folder: FOLDER, settings: SETTINGS });
  const batchStarts: number[] = [];
  const note = (): void => void batchStarts.push(log.watermarks.end);
  for (let index = 0; index < batches; index++) {
    note();
    if (index === 7 || index === 15) log.beginEpoch(log.leaderEpoch + 1);
    appendOne(log, index);
    if (index % 8 === 6) {
      note();
      queue(log, marker(7, 0, index !== 6), APPEND_FLAG_INTERNAL);
      log.flushWrites();
    }
  }
  note();
  const { end, stable } = log.watermarks;
  const row = { topic: 'orders', partition: 0, logStart: 0, high: end, end, cleanedOffset: 0 };
  if (isClean) {
    log.close(true);
    directory.saveCheckpoints([{ ...row, recoveryPoint: end }]);
    directory.saveWritten(BOOT, [{ ...row, recoveryPoint: end }]);
    directory.leaveCleanMark();
  } else {
    const flushed = batchStarts[Math.floor(batchStarts.length / 3)] ?? 0;
    directory.saveCheckpoints([{ ...row, recoveryPoint: flushed }]);
    directory.saveWritten(BOOT, [{ ...row, recoveryPoint: flushed, end: batchStarts.at(-4) ?? 0 }]);
    disk.crash('kill');
  }
  const files = filesOf(disk).set(`${ROOT}/${METADATA_FILE_NAME}`, metadata());
  const truth = new Map<number, string>();
  for (const [path, bytes] of files) {
    if (!path.endsWith('.log')) continue;
    for (const { offset, text } of recordsOf(bytes)) truth.set(offset, text);
  }
  return { files, truth, end, stable, batchStarts, aborted: abortedIn(files) };
}

/** What the catalog knows: a record a frame, as a broker writes them down. */
function metadata(): Uint8Array {
  const records: CatalogRecord[] = [
    { kind: 'cluster', clusterId: 'cluster-of-the-test' },
    { kind: 'boot', brokerEpoch: 1 },
    { kind: 'topic', name: 'orders', id: TOPIC_ID, configs: {}, leaderEpochs: [2] },
    { kind: 'producer-ids', next: 1000 },
  ];
  return Uint8Array.from(Buffer.concat([fileHeader(), ...records.map((record) => encodeFrame([record]))]));
}

/** Values of their own, so that a record in the wrong place is seen. */
function appendOne(log: Log, index: number): void {
  const timestamps = Array.from({ length: 1 + (index % 3) }, (_, record) => NOW_MS + index * 1000 + record);
  const key = new TextEncoder().encode(`batch ${index}`);
  const common = { timestamps, key, valueBytes: 5 + (index % 7) };
  if (index % 8 === 5 || index % 8 === 6) {
    const baseSequence = transactionalSequence(index);
    append(log, batch({ ...common, producerId: 7, producerEpoch: 0, baseSequence, isTransactional: true }));
  } else if (index % 4 === 0)
    append(log, batch({ ...common, producerId: 4, producerEpoch: 0, baseSequence: plainSequence(index) }));
  else append(log, batch(common));
}

const sizeAt = (index: number): number => 1 + (index % 3);

function transactionalSequence(upTo: number): number {
  let sequence = 0;
  for (let index = 0; index < upTo; index++) if (index % 8 === 5 || index % 8 === 6) sequence += sizeAt(index);
  return sequence;
}

function plainSequence(upTo: number): number {
  let sequence = 0;
  for (let index = 0; index < upTo; index += 4) sequence += sizeAt(index);
  return sequence;
}

/** Every file of a disk's data folder. */
export function filesOf(disk: FakeDisk, root = ROOT): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const name of disk.list(root)) {
    const path = `${root}/${name}`;
    const bytes = disk.readFile(path);
    if (bytes !== null) files.set(path, bytes);
    else for (const [inner, content] of filesOf(disk, path)) files.set(inner, content);
  }
  return files;
}

export function diskWith(files: ReadonlyMap<string, Uint8Array>): FakeDisk {
  const disk = new FakeDisk();
  disk.makeFolder(FOLDER);
  for (const [path, bytes] of files) {
    disk.makeFolder(path.slice(0, path.lastIndexOf('/')));
    disk.close(disk.open(path, 'create'));
    if (bytes.length > 0) disk.corrupt(path, 0, bytes);
  }
  return disk;
}

function abortedIn(files: ReadonlyMap<string, Uint8Array>): AbortedFact[] {
  const indexes = [...files].filter(([path]) => path.endsWith('.txnindex')).sort();
  return indexes.flatMap(([, bytes]) =>
    abortedIndexOf(bytes).map(({ producerId, firstOffset, lastOffset }) => ({
      text: `${producerId} ${firstOffset}`,
      lastOffset,
    })),
  );
}

export function listAborted(log: Log, end: number): string[] {
  const list = new AbortedList(100);
  log.collectAborted(0, end, list);
  return Array.from({ length: list.count }, (_, index) => `${list.producerIds[index]} ${list.firstOffsets[index]}`);
}
