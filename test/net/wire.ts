/** Requests as clients write them, and responses as they read them, through the schemas. For tests of the front. */

import type { Api } from '../../src/protocol/api.ts';
import {
  BATCH_ATTRIBUTES,
  BATCH_COUNT,
  BATCH_LENGTH,
  BATCH_MAGIC,
  BATCH_PREFIX_BYTES,
  MAGIC,
} from '../../src/protocol/batch.ts';
import { decodeResponse } from '../../src/protocol/compile.ts';
import { encodeRequestFrame } from '../../src/protocol/frame.ts';
import { decodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';

const FRAME_BYTES_MAX = 64 << 20;

export function requestFrame<I>(api: Api<unknown, I>, version: number, correlationId: number, value: I): Uint8Array {
  const writer = new Writer(FRAME_BYTES_MAX);
  encodeRequestFrame(api, version, correlationId, 'test', value, writer);
  // Not `slice`, which on a Buffer gives a view.
  return new Uint8Array(writer.written());
}

/** Whole frames of a stream, without their prefixes. */
export function framesOf(stream: Uint8Array): Uint8Array[] {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= stream.length && at + 4 + view.getInt32(at) <= stream.length) {
    const length = view.getInt32(at);
    frames.push(stream.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (at !== stream.length) throw new Error(`${stream.length - at} bytes behind the last whole frame`);
  return frames;
}

export function correlationOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getInt32(0);
}

export function responseOf<D>(api: Api<unknown, unknown, D>, version: number, frame: Uint8Array): D {
  const reader = Reader.over(frame);
  decodeResponseHeader(api, version, correlationOf(frame), reader);
  const value = decodeResponse(api, version, reader);
  if (reader.remaining !== 0) throw new Error(`${reader.remaining} bytes behind the response`);
  return value;
}

/** Bytes that pass for a batch where nobody looks closely: a length, a format, a record count, a filling that tells batches apart. */
export function anyBatch(length: number, fill: number, count = 1): Uint8Array {
  const bytes = new Uint8Array(Math.max(61, length)).fill(fill);
  const view = new DataView(bytes.buffer);
  view.setInt32(BATCH_LENGTH, bytes.length - BATCH_PREFIX_BYTES);
  view.setInt8(BATCH_MAGIC, MAGIC);
  view.setInt16(BATCH_ATTRIBUTES, 0);
  view.setInt32(BATCH_COUNT, count);
  return bytes;
}

/** A request that main answers: Metadata's key, any bytes. */
export function controlFrame(correlationId: number, text: string, key = 3, version = 1): Uint8Array {
  const body = Buffer.from(text);
  const frame = Buffer.alloc(4 + 10 + body.length);
  frame.writeInt32BE(10 + body.length, 0);
  frame.writeInt16BE(key, 4);
  frame.writeInt16BE(version, 6);
  frame.writeInt32BE(correlationId, 8);
  frame.writeInt16BE(-1, 12);
  frame.set(body, 14);
  return frame;
}
