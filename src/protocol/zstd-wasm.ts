/**
 * Zstandard for Nodes whose `node:zlib` lacks it: the WebAssembly build inside the package @bokuweb/zstd-wasm, driven
 * directly, because the package's own loader is asynchronous and worker threads never return to an event loop. Chosen by
 * `zstd`; it must not be loaded where Node has the codec itself.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { ZSTD_BAD, zstdOutputBytesMax } from './zstd-frame.ts';

/** What is used of WebAssembly; the type libraries of this project do not describe it. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
type WasmExports = Readonly<Record<string, unknown>>;
interface WasmNamespace {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: WasmExports };
  readonly Memory: new (limits: { initial: number }) => WasmMemory;
}
declare const WebAssembly: WasmNamespace;

type WasmCall = (...numbers: number[]) => number;

/**
 * The build names its functions with single letters, which hold for exactly the version in package.json; the round trip
 * in the constructor fails at once when they no longer do.
 */
const EXPORTS = {
  memory: 'f',
  start: 'g',
  isError: 'h',
  compressBound: 'i',
  compress: 'm',
  decompress: 'r',
  malloc: 's',
  free: 't',
} as const;
const PAGE_BYTES = 65_536;
const HEAP_BYTES_MAX = 1_073_741_824;
/** WebAssembly memory never shrinks: an instance that grew past this is dropped after use. */
const HEAP_BYTES_KEPT = 33_554_432;

export class WasmZstd {
  private readonly module: object;
  private instance: WasmInstance | null = null;

  constructor() {
    const main = createRequire(import.meta.url).resolve('@bokuweb/zstd-wasm');
    this.module = new WebAssembly.Module(readFileSync(join(dirname(main), 'zstd.wasm')));
    const probe = Uint8Array.of(1, 2, 3);
    const back = this.decompress(this.compress(probe, 1), probe.length);
    if (back === null || Buffer.compare(back, probe) !== 0) throw wrongBuild();
  }

  compress(input: Uint8Array, level: number): Uint8Array {
    const output = this.use((wasm) => wasm.compress(input, level));
    if (output === null) throw new Fault('PB_PROTOCOL', `zstd could not compress ${input.length} bytes`);
    return output;
  }

  decompress(input: Uint8Array, outputBytesMax: number): Uint8Array | null {
    const bound = zstdOutputBytesMax(input);
    if (bound === ZSTD_BAD) return null;
    return this.use((wasm) => wasm.decompress(input, Math.min(bound, outputBytesMax)));
  }

  private use(act: (wasm: WasmInstance) => Uint8Array | null): Uint8Array | null {
    this.instance ??= new WasmInstance(this.module);
    let isHealthy = false;
    try {
      const output = act(this.instance);
      isHealthy = this.instance.heapBytes <= HEAP_BYTES_KEPT;
      return output;
    } finally {
      if (!isHealthy) this.instance = null;
    }
  }
}

class WasmInstance {
  private readonly memory: WasmMemory;
  private readonly isError: WasmCall;
  private readonly compressBound: WasmCall;
  private readonly compressCall: WasmCall;
  private readonly decompressCall: WasmCall;
  private readonly malloc: WasmCall;
  private readonly free: WasmCall;

  constructor(module: object) {
    const stop = () => {
      throw new Fault('PB_PROTOCOL', 'the zstd module stopped itself');
    };
    const grow = (heapBytes: number) => (this.grow(heapBytes >>> 0) ? 1 : 0);
    const imports = { a: { a: stop, b: () => undefined, c: stop, d: () => 0, e: grow } };
    const { exports } = new WebAssembly.Instance(module, imports);
    const memory = exports[EXPORTS.memory];
    if (!(memory instanceof WebAssembly.Memory)) throw wrongBuild();
    this.memory = memory;
    this.isError = callOf(exports, EXPORTS.isError);
    this.compressBound = callOf(exports, EXPORTS.compressBound);
    this.compressCall = callOf(exports, EXPORTS.compress);
    this.decompressCall = callOf(exports, EXPORTS.decompress);
    this.malloc = callOf(exports, EXPORTS.malloc);
    this.free = callOf(exports, EXPORTS.free);
    callOf(exports, EXPORTS.start)();
  }

  get heapBytes(): number {
    return this.memory.buffer.byteLength;
  }

  compress(input: Uint8Array, level: number): Uint8Array | null {
    const capacity = this.compressBound(input.length);
    return this.run(input, capacity, (output, source) =>
      this.compressCall(output, capacity, source, input.length, level),
    );
  }

  decompress(input: Uint8Array, capacity: number): Uint8Array | null {
    return this.run(input, capacity, (output, source) => this.decompressCall(output, capacity, source, input.length));
  }

  private run(input: Uint8Array, capacity: number, act: (output: number, source: number) => number): Uint8Array | null {
    const source = this.malloc(Math.max(input.length, 1)) >>> 0;
    const output = this.malloc(Math.max(capacity, 1)) >>> 0;
    try {
      if (source === 0 || output === 0) return null;
      new Uint8Array(this.memory.buffer).set(input, source);
      const bytes = act(output, source);
      if (this.isError(bytes) !== 0) return null;
      return new Uint8Array(this.memory.buffer, output, bytes).slice();
    } finally {
      this.free(source);
      this.free(output);
    }
  }

  private grow(heapBytes: number): boolean {
    if (heapBytes > HEAP_BYTES_MAX) return false;
    try {
      this.memory.grow(Math.ceil((heapBytes - this.heapBytes) / PAGE_BYTES));
      return true;
    } catch {
      return false;
    }
  }
}

function callOf(exports: WasmExports, name: string): WasmCall {
  const found = exports[name];
  if (typeof found !== 'function') throw wrongBuild();
  return (...numbers) => Number(Reflect.apply(found, undefined, numbers));
}

function wrongBuild(): Fault {
  return new Fault(
    'PB_PROTOCOL',
    'the installed @bokuweb/zstd-wasm is not the version this broker was made for; run npm ci to restore it',
  );
}
