/** How files are broken, and which batch a broken byte belongs to. */
import { batchBaseOffset, batchBytes } from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import type { SmallFolder } from './small-folder.ts';

export function bitFlipped(files: ReadonlyMap<string, Uint8Array>, path: string, bit: number): Map<string, Uint8Array> {
  const bytes = (files.get(path) ?? new Uint8Array(0)).slice();
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return new Map(files).set(path, bytes);
}

/** The catalog's file, which is no file of a log; null for all others. */
export function metadataOf(path: string): string | null {
  return path.endsWith('perfbroker.metadata') ? path : null;
}

/** First offset of the batch that a byte of a segment belongs to. */
export function batchAt({ files }: SmallFolder, path: string, at: number): number {
  const { view, bytes } = memoryOver((files.get(path) ?? new Uint8Array(0)).slice());
  let position = 0;
  while (position + batchBytes(view, position) <= at && position + batchBytes(view, position) < bytes.length)
    position += batchBytes(view, position);
  return batchBaseOffset(view, position);
}
