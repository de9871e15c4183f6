/**
 * The producers of a log as a file, in Kafka's `.snapshot` format (version 1). Named for the offset it is good for: it
 * knows of every batch before that offset. Written when a segment is rolled, now and then while a long one grows, and
 * when a log is closed; loading it spares the walk over the batches before it.
 *
 *     version (int16) │ crc-32c of what follows (uint32) │ count (int32) │ entries of 46 bytes:
 *     producer id (8) epoch (2) last sequence (4) last offset (8) delta (4) timestamp (8) coordinator epoch (4) open since (8)
 *
 * Kafka keeps the last batch of a producer. Here each of its remembered batches has an entry, oldest first, so that after a
 * restart all of them are recognised when they are sent again; Kafka reads the same file and goes by the last entry of an id.
 */
import { readInt64, writeInt64 } from '../protocol/batch.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { Disk } from './disk.ts';
import { offsetName, SNAPSHOT_SUFFIX } from './file-names.ts';
import { ProducerEntry, type RememberedBatch } from './producer-entry.ts';
import type { ProducerLedger } from './producer-ledger.ts';
import { writeSmallFile } from './small-file.ts';
import type { Crc, StorageTools } from './storage-tools.ts';

const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const ENTRIES_AT = 10;
const ENTRY_BYTES = 46;
/** No transaction is open. */
const NOT_OPEN = -1;

export function snapshotPath(folder: string, offset: number): string {
  return `${folder}/${offsetName(offset)}${SNAPSHOT_SUFFIX}`;
}

/** Throws Fault when the disk refuses. */
export function saveSnapshot(tools: StorageTools, folder: string, offset: number, ledger: ProducerLedger): void {
  writeSmallFile(tools, snapshotPath(folder, offset), encodeSnapshot(tools.disk, tools.crc, ledger));
}

/** Puts it on the device, its name aside. 0, or a negative errno. Throws Fault when it cannot be opened. */
export function syncSnapshot(disk: Disk, folder: string, offset: number): number {
  const fd = disk.open(snapshotPath(folder, offset), 'read-write');
  const error = disk.sync(fd);
  disk.close(fd);
  return error;
}

export function encodeSnapshot(disk: Disk, crc: Crc, ledger: ProducerLedger): Uint8Array {
  let count = 0;
  for (const entry of ledger.values()) count += Math.max(1, entry.rememberedCount);
  const bytes = ENTRIES_AT + count * ENTRY_BYTES;
  const memory = disk.allocate(bytes);
  const view = memory.view;
  view.setInt16(0, VERSION);
  view.setInt32(COUNT_AT, count);
  let at = ENTRIES_AT;
  for (const entry of ledger.values()) {
    for (let index = 0; index < entry.rememberedCount - 1; index++) {
      encodeEntry(view, at, entry, entry.remembered(index), NOT_OPEN);
      at += ENTRY_BYTES;
    }
    const { lastSequence, lastDelta: delta, lastOffset, lastTimestamp: timestamp } = entry;
    encodeEntry(view, at, entry, { lastSequence, delta, lastOffset, timestamp }, entry.openFirstOffset);
    at += ENTRY_BYTES;
  }
  view.setUint32(CRC_AT, crc(memory, COUNT_AT, bytes - COUNT_AT) >>> 0);
  return memory.bytes.subarray(0, bytes);
}

function encodeEntry(
  view: DataView,
  at: number,
  entry: ProducerEntry,
  batch: RememberedBatch,
  openSince: number,
): void {
  writeInt64(view, at, entry.id);
  view.setInt16(at + 8, entry.epoch);
  view.setInt32(at + 10, batch.lastSequence);
  writeInt64(view, at + 14, batch.lastOffset);
  view.setInt32(at + 22, batch.delta);
  writeInt64(view, at + 26, batch.timestamp);
  view.setInt32(at + 34, entry.coordinatorEpoch);
  writeInt64(view, at + 38, openSince);
}

/** Fills the ledger; false (and nothing filled) when there is no such file or it is damaged. */
export function loadSnapshot(
  tools: StorageTools,
  folder: string,
  offset: number,
  ledger: ProducerLedger,
  nowMs: number,
): boolean {
  const memory = readSnapshot(tools, folder, offset);
  return memory !== null && decodeSnapshot(memory, memory.bytes.length, tools.crc, ledger, nowMs);
}

/** Whether it could be loaded. */
export function isSnapshotSound(tools: StorageTools, folder: string, offset: number): boolean {
  const memory = readSnapshot(tools, folder, offset);
  return memory !== null && isSound(memory, memory.bytes.length, tools.crc);
}

function readSnapshot(tools: StorageTools, folder: string, offset: number): Memory | null {
  const content = tools.disk.readFile(snapshotPath(folder, offset));
  if (content === null || content.length < ENTRIES_AT) return null;
  const memory = tools.disk.allocate(content.length);
  memory.bytes.set(content);
  return memory;
}

export function decodeSnapshot(
  memory: Memory,
  length: number,
  crc: Crc,
  ledger: ProducerLedger,
  nowMs: number,
): boolean {
  if (!isSound(memory, length, crc)) return false;
  const view = memory.view;
  let entry: ProducerEntry | null = null;
  for (let at = ENTRIES_AT; at < length; at += ENTRY_BYTES) {
    const id = readInt64(view, at);
    if (entry?.id !== id) entry = new ProducerEntry(id);
    decodeEntry(view, at, entry);
    // Record time may lie years back (a copied topic), so it cannot tell when a producer was seen: loading counts as that.
    entry.lastSeenMs = nowMs;
    const isLastOfId = at + ENTRY_BYTES >= length || readInt64(view, at + ENTRY_BYTES) !== id;
    if (isLastOfId) ledger.load(entry);
  }
  return true;
}

function isSound(memory: Memory, length: number, crc: Crc): boolean {
  const { view } = memory;
  if (length < ENTRIES_AT || view.getInt16(0) !== VERSION) return false;
  const count = view.getInt32(COUNT_AT);
  if (count < 0 || length !== ENTRIES_AT + count * ENTRY_BYTES) return false;
  return crc(memory, COUNT_AT, length - COUNT_AT) >>> 0 === view.getUint32(CRC_AT);
}

function decodeEntry(view: DataView, at: number, entry: ProducerEntry): void {
  entry.setEpoch(view.getInt16(at + 8));
  const lastOffset = readInt64(view, at + 14);
  const timestamp = readInt64(view, at + 26);
  if (lastOffset >= 0) entry.push(view.getInt32(at + 10), view.getInt32(at + 22), lastOffset, timestamp);
  entry.lastTimestamp = timestamp;
  entry.coordinatorEpoch = view.getInt32(at + 34);
  const openFirstOffset = readInt64(view, at + 38);
  entry.openFirstOffset = openFirstOffset >= 0 ? openFirstOffset : NOT_OPEN;
}
