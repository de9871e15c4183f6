/**
 * The four codecs of Kafka's record batches, behind one pair of functions. Called by the checks on produce where a batch
 * must be opened, by re-compression, and by our client. Each codec is loaded when first used: none costs start-up time.
 *
 * Every decompression has a maximum, and no codec takes memory past it, whatever sizes the input states: gzip and Node's
 * zstd stop by themselves, LZ4 and snappy are measured before they start, zstd gets an output of the measured size.
 *
 * Input may lie in shared memory (all five packages read it as it is, tried on Node 20); output never does.
 */
import { createRequire } from 'node:module';
import { gunzipSync, gzipSync, constants as zlibConstants } from 'node:zlib';
import type * as Lz4Module from 'lz4-napi';
import type * as SnappyModule from 'snappy';
import { Bug } from '../base/assert.ts';
import { CODEC_GZIP, CODEC_LZ4, CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD } from './batch.ts';
import { isLz4Frame, unpackLz4Frame, writeLz4Frame } from './lz4-frame.ts';
import { compressXerial, hasXerialFraming, snappyBlockOutputBytes, uncompressSnappy } from './xerial-snappy.ts';
import { loadZstd, ZSTD_LEVEL_DEFAULT } from './zstd.ts';
import { isZstdFrame } from './zstd-frame.ts';

/** By codec number; the names are those of the setting compression.type. */
export const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CodecName = (typeof CODEC_NAMES)[number];

/** The package writes the plain size before a block. */
const LZ4_SIZE_BYTES = 4;

const require = createRequire(import.meta.url);
let lz4: typeof Lz4Module | null = null;
let snappy: typeof SnappyModule | null = null;

function loadLz4(): typeof Lz4Module {
  if (lz4 !== null) return lz4;
  const loaded: typeof Lz4Module = require('lz4-napi');
  lz4 = loaded;
  return loaded;
}

function loadSnappy(): typeof SnappyModule {
  if (snappy !== null) return snappy;
  const loaded: typeof SnappyModule = require('snappy');
  snappy = loaded;
  return loaded;
}

/** The codec of a name, 'uncompressed' being another word for none; -1 when there is no such codec. */
export function codecByName(name: string): number {
  if (name === 'uncompressed') return CODEC_NONE;
  const names: readonly string[] = CODEC_NAMES;
  return names.indexOf(name);
}

/** Loads a codec ahead of its first use, so that no request waits for it. */
export function warmCodec(codec: number): void {
  if (codec === CODEC_LZ4) loadLz4();
  else if (codec === CODEC_SNAPPY) loadSnappy();
  else if (codec === CODEC_ZSTD) loadZstd();
}

/** `level` means something for gzip (1-9) and zstd (1-22); without it each codec's usual one. */
export function compress(codec: number, input: Uint8Array, level?: number): Uint8Array {
  switch (codec) {
    case CODEC_NONE:
      return input;
    case CODEC_GZIP:
      return gzipSync(input, { level: level ?? zlibConstants.Z_DEFAULT_COMPRESSION });
    case CODEC_SNAPPY:
      return compressXerial(loadSnappy(), input);
    case CODEC_LZ4:
      return compressLz4(input);
    case CODEC_ZSTD:
      return loadZstd().compress(input, level ?? ZSTD_LEVEL_DEFAULT);
    default:
      throw new Bug('the codec is one of the five');
  }
}

/** Null when the input is no good for the codec, or when its output would pass `outputBytesMax`. */
export function decompress(codec: number, input: Uint8Array, outputBytesMax: number): Uint8Array | null {
  switch (codec) {
    case CODEC_NONE:
      return input.length <= outputBytesMax ? input : null;
    case CODEC_GZIP:
      return gunzip(input, outputBytesMax);
    case CODEC_SNAPPY:
      return uncompressSnappy(loadSnappy(), input, outputBytesMax);
    case CODEC_LZ4:
      return unpackLz4Frame(input, outputBytesMax);
    case CODEC_ZSTD:
      return loadZstd().decompress(input, outputBytesMax);
    default:
      return null;
  }
}

/** Whether the bytes begin as the codec's output begins: a cheap look, no allocation, no promise about the rest. */
export function looksCompressed(codec: number, bytes: Uint8Array, at: number, length: number): boolean {
  switch (codec) {
    case CODEC_GZIP:
      return length >= 18 && bytes[at] === 0x1f && bytes[at + 1] === 0x8b && bytes[at + 2] === 8;
    case CODEC_SNAPPY:
      return hasXerialFraming(bytes, at, length) || snappyBlockOutputBytes(bytes, at, length) > 0;
    case CODEC_LZ4:
      return isLz4Frame(bytes, at, length);
    case CODEC_ZSTD:
      return isZstdFrame(bytes, at, length);
    default:
      return false;
  }
}

function gunzip(input: Uint8Array, outputBytesMax: number): Uint8Array | null {
  try {
    // Node takes no maximum of 0.
    const output = gunzipSync(input, { maxOutputLength: Math.max(outputBytesMax, 1) });
    return output.length <= outputBytesMax ? output : null;
  } catch {
    return null;
  }
}

function compressLz4(input: Uint8Array): Uint8Array {
  const { compressSync } = loadLz4();
  return writeLz4Frame(input, (block) => compressSync(bufferOver(block)), LZ4_SIZE_BYTES);
}

/** The same bytes seen as a Buffer, which is what the package's types ask for; nothing is copied. */
function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
