/**
 * Loads the native part and says why not where it cannot. The only place that knows where the addon lies; everything
 * else takes a `Native | null`. Every function takes numbers and byte views and returns a number, negative errno for a
 * failure; what each one does, and which thread may call it, stands beside it in `native-bindings/src`.
 *
 * An address is good as long as the view is reachable that it was taken from: hold the `Memory`, not the address.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Memory } from './memory.ts';

export interface Native {
  addressOf(view: Uint8Array): number;
  /** Whole, to where there must be room; returns how many bytes. */
  copyTo(address: number, view: Uint8Array): number;

  crc32c(address: number, length: number): number;
  crc32cWith(path: number, address: number, length: number): number;
  crc32cPath(): number;

  futexWait(address: number, expected: number, waitMs: number): number;
  futexWake(address: number, countMax: number): number;
  /** An event descriptor; its owner closes it with `closeFd`. */
  eventfdOpen(): number;
  eventfdWrite(fd: number): number;
  closeFd(fd: number): number;

  /** Pieces are pairs of doubles: address, length. */
  pwritev(fd: number, position: number, piecesAddress: number, count: number): number;
  pwrite(fd: number, position: number, address: number, length: number): number;
  pread(fd: number, position: number, address: number, length: number): number;
  fdatasync(fd: number): number;
  syncfs(fd: number): number;
  fallocate(fd: number, position: number, length: number): number;
  syncFileRange(fd: number, position: number, length: number): number;
  residentBytes(fd: number, position: number, length: number, isCertain: number): number;
  warm(fd: number, position: number, length: number): number;
  chill(fd: number, position: number, length: number): number;

  /** The output has room for the worst case: `length + length / 255 + 32`. */
  lz4Pack(address: number, length: number, outputAddress: number, outputRoom: number): number;

  /** This thread runs only where no other wants to, for good. */
  yieldThread(): number;
  /** On how many processors this thread may run. */
  threadProcessors(): number;
  /** This thread runs on that processor only, until it is unbound. */
  threadBind(processor: number): number;
  threadUnbind(): number;

  // The kernel of a front; `kernel.ts` is their only caller.
  kernelProbe(path: number): number;
  kernelOpen(
    path: number,
    submissionsAddress: number,
    submissionsMax: number,
    completionsAddress: number,
    completionsMax: number,
    socketsMax: number,
    eventFd: number,
    regionBufferBytes: number,
  ): number;
  kernelTurn(kernel: number, count: number, waitMs: number, keepsSends: number): number;
  kernelEventFd(kernel: number): number;
  kernelFeatures(kernel: number): number;
  /** The host is text that ends with a zero byte. */
  kernelListen(kernel: number, host: Uint8Array, port: number, backlog: number, sendBufferBytes: number): number;
  /** Which: 0 the peer of a socket, 1 our side of it, 2 a listener. */
  kernelName(kernel: number, which: number, index: number, text: Uint8Array): number;
  /** The socket's descriptor, which leaves this kernel with nothing under way. */
  kernelGiveAway(kernel: number, socket: number): number;
  /** A socket for a descriptor that another kernel gave away. */
  kernelTakeIn(kernel: number, fd: number): number;
  /** The processor that took in the last packet of a socket. */
  kernelPacketProcessor(kernel: number, socket: number): number;
  kernelClose(kernel: number): number;
}

export type NativeLoad =
  | { readonly native: Native; readonly problem: null }
  | { readonly native: null; readonly problem: string };

const FUNCTIONS = [
  'addressOf',
  'copyTo',
  'crc32c',
  'crc32cWith',
  'crc32cPath',
  'futexWait',
  'futexWake',
  'eventfdOpen',
  'eventfdWrite',
  'closeFd',
  'pwritev',
  'pwrite',
  'pread',
  'fdatasync',
  'syncfs',
  'fallocate',
  'syncFileRange',
  'residentBytes',
  'warm',
  'chill',
  'lz4Pack',
  'yieldThread',
  'threadProcessors',
  'threadBind',
  'threadUnbind',
  'kernelProbe',
  'kernelOpen',
  'kernelTurn',
  'kernelEventFd',
  'kernelFeatures',
  'kernelListen',
  'kernelName',
  'kernelGiveAway',
  'kernelTakeIn',
  'kernelPacketProcessor',
  'kernelClose',
] as const satisfies readonly (keyof Native)[];

let loaded: NativeLoad | null = null;

/** Loads and tests it once per thread. */
export function loadNative(): NativeLoad {
  loaded ??= load();
  return loaded;
}

/** A view with its address (0 without the native part). Keep it as long as anything uses the address. */
export function memoryOf(bytes: Uint8Array, native: Native | null): Memory {
  return {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    address: native === null ? 0 : native.addressOf(bytes),
  };
}

function load(): NativeLoad {
  const folder = bindingsFolder();
  if (folder === null) return missing('its folder native-bindings is not beside the program');
  const path = join(folder, 'build', 'perfbroker.node');
  if (!existsSync(path)) return missing(reasonOfBuild(folder));
  let addon: unknown;
  try {
    addon = createRequire(import.meta.url)(path);
  } catch (error) {
    return missing(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
  if (!isNative(addon)) return missing('its functions do not match this version; build it again with npm run build');
  const failure = selfTest(addon);
  return failure === null ? { native: addon, problem: null } : missing(`its self-test failed: ${failure}`);
}

function missing(problem: string): NativeLoad {
  return { native: null, problem };
}

/** From `src/zerocopy` and from `dist/src/zerocopy` alike. */
function bindingsFolder(): string | null {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let level = 0; level < 4; level++) {
    folder = dirname(folder);
    const candidate = join(folder, 'native-bindings');
    if (existsSync(candidate)) return candidate;
  }
  return null;
}

function reasonOfBuild(folder: string): string {
  const marker = join(folder, 'build', 'missing.txt');
  return existsSync(marker) ? readFileSync(marker, 'utf8').trim() : 'it was not built; run npm run build';
}

function isNative(addon: unknown): addon is Native {
  if (typeof addon !== 'object' || addon === null) return false;
  const functions: Record<string, unknown> = { ...addon };
  return FUNCTIONS.every((name) => typeof functions[name] === 'function');
}

/** Known answers for the checksum, and addresses that hold still: 25 KB of work, some microseconds. */
function selfTest(native: Native): string | null {
  const shared = new SharedArrayBuffer(16_384);
  const bytes = new Uint8Array(shared);
  const address = native.addressOf(bytes);
  if (address === 0 || !Number.isSafeInteger(address)) return 'shared memory has no address';
  const written = native.copyTo(address + 3, Uint8Array.of(1, 2, 3));
  if (written !== 3 || bytes[3] !== 1 || bytes[5] !== 3) return 'what is copied to shared memory is not there';
  bytes.fill(0, 0, 8);
  if (native.addressOf(bytes.subarray(9)) !== address + 9)
    return 'a part of shared memory lies elsewhere than the whole';
  if (native.addressOf(new Uint8Array(shared)) !== address) return 'the same shared memory has two addresses';
  for (let digit = 0; digit < 9; digit++) bytes[digit] = 0x31 + digit;
  if (native.crc32c(address, 9) !== 0xe3069283) return 'the checksum of 123456789 is wrong';
  for (let at = 0; at < bytes.length; at++) bytes[at] = Math.imul(at, 0x9e3779b1) >>> 24;
  for (const length of [0, 1, 300, 3000, bytes.length - 3]) {
    const expected = native.crc32cWith(0, address + 3, length);
    if (native.crc32c(address + 3, length) !== expected) return `two ways to sum ${length} bytes disagree`;
  }
  bytes.fill(0x61, 0, 64);
  // One literal, a match of 58 bytes one byte back, five literals.
  const packed = native.lz4Pack(address, 64, address + 1024, 128);
  if (packed !== 11 || bytes[1024] !== 0x1f || bytes[1028] !== 39) return 'a block of one letter is packed wrongly';
  // Uses the view after the last use of its address, so that it cannot have been collected before.
  return bytes.length === 16_384 ? null : 'shared memory changed its length';
}
