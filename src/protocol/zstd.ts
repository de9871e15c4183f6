/**
 * Zstandard, from `node:zlib` where this Node has it, else from a WebAssembly build (`zstd-wasm`). Asked only by
 * `compression`. Both are synchronous, because worker threads never return to an event loop.
 */
import zlib from 'node:zlib';
import { ZSTD_BAD, zstdOutputBytesMax } from './zstd-frame.ts';
import { WasmZstd } from './zstd-wasm.ts';

export const ZSTD_LEVEL_DEFAULT = 3;

export interface ZstdCodec {
  compress(input: Uint8Array, level: number): Uint8Array;
  /** Null when malformed or when the output would pass `outputBytesMax`. */
  decompress(input: Uint8Array, outputBytesMax: number): Uint8Array | null;
}

/** The part of `node:zlib` that Node 20 does not have; found by looking, not by version. */
interface ZlibZstd {
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
  zstdCompressSync(input: Uint8Array, options: object): Uint8Array;
  zstdDecompressSync(input: Uint8Array, options: object): Uint8Array;
}

function hasZstd(candidate: object): candidate is ZlibZstd {
  return 'zstdCompressSync' in candidate && 'zstdDecompressSync' in candidate;
}

let loaded: ZstdCodec | null = null;

export function loadZstd(): ZstdCodec {
  const candidate: object = zlib;
  loaded ??= hasZstd(candidate) ? new NodeZstd(candidate) : new WasmZstd();
  return loaded;
}

class NodeZstd implements ZstdCodec {
  private readonly zlib: ZlibZstd;
  private readonly levelKey: number;

  constructor(zstd: ZlibZstd) {
    this.zlib = zstd;
    this.levelKey = zstd.constants.ZSTD_c_compressionLevel;
  }

  compress(input: Uint8Array, level: number): Uint8Array {
    return this.zlib.zstdCompressSync(input, { params: { [this.levelKey]: level } });
  }

  decompress(input: Uint8Array, outputBytesMax: number): Uint8Array | null {
    const bound = zstdOutputBytesMax(input);
    if (bound === ZSTD_BAD) return null;
    if (bound === 0) return new Uint8Array(0);
    try {
      return this.zlib.zstdDecompressSync(input, { maxOutputLength: Math.min(bound, outputBytesMax) });
    } catch {
      return null;
    }
  }
}
