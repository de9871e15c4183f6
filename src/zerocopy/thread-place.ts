/**
 * Where a thread runs, and what it gets there: binds it to a processor, and reads what the system tells about both. Made on
 * the thread it is about; `net/thread-seat` decides. Only Linux has any of it, as only Linux has the native part.
 *
 * A read costs some microseconds: a few times a second is fine, every turn is not.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Native } from './native.ts';

/** The lines of so many processors come first in the file; of one behind them nothing is known. */
const STAT_BYTES = 65_536;
/** The file counts in hundredths of a second, whatever the kernel's own tick is. */
const STAT_UNIT_MS = 10;
/** Fields of a processor's line: user, nice, system, idle, iowait. */
const FIELD_IDLE = 3;
const FIELD_IOWAIT = 4;
const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;
const NEWLINE = 0x0a;
const LETTER_C = 0x63;
const NS_PER_MS = 1e6;

export class ThreadPlace {
  /** As of the last `look`: how long this thread has run, and how long it was ready to and had to wait for a processor. */
  ranMs = 0;
  delayedMs = 0;

  private readonly native: Native;
  private readonly schedFd: number;
  private readonly statFd: number;
  private readonly bytes = new Uint8Array(STAT_BYTES);

  private constructor(native: Native, schedFd: number, statFd: number) {
    this.native = native;
    this.schedFd = schedFd;
    this.statFd = statFd;
  }

  /** Null where the thread has no choice, or where the system does not tell what is to be known. */
  static open(native: Native): ThreadPlace | null {
    if (native.threadProcessors() < 2) return null;
    const schedFd = openIf('/proc/thread-self/schedstat');
    const statFd = schedFd < 0 ? -1 : openIf('/proc/stat');
    if (statFd >= 0) return new ThreadPlace(native, schedFd, statFd);
    if (schedFd >= 0) closeSync(schedFd);
    return null;
  }

  bind(processor: number): boolean {
    return this.native.threadBind(processor) === 0;
  }

  unbind(): void {
    this.native.threadUnbind();
  }

  /** The file holds three numbers: nanoseconds run, nanoseconds waited, how often. */
  look(): void {
    const length = readSync(this.schedFd, this.bytes, 0, 64, 0);
    const space = this.bytes.indexOf(SPACE);
    if (space < 0 || space >= length) return;
    this.ranMs = numberAt(this.bytes, 0) / NS_PER_MS;
    this.delayedMs = numberAt(this.bytes, space + 1) / NS_PER_MS;
  }

  /** How long a processor had nothing to do since the system started; negative: unknown. */
  idleMsOf(processor: number): number {
    const length = readSync(this.statFd, this.bytes, 0, STAT_BYTES, 0);
    // The first line sums all up; then come "cpu0 …", "cpu1 …", without those that are switched off.
    for (let at = lineAfter(this.bytes, 0, length); at < length; at = lineAfter(this.bytes, at, length)) {
      if (this.bytes[at] !== LETTER_C) return -1;
      if (numberAt(this.bytes, at + 3) === processor) return this.idleAt(at);
    }
    return -1;
  }

  close(): void {
    closeSync(this.schedFd);
    closeSync(this.statFd);
  }

  private idleAt(line: number): number {
    let at = this.bytes.indexOf(SPACE, line) + 1;
    let units = 0;
    for (let field = 0; field <= FIELD_IOWAIT; field++) {
      if (field >= FIELD_IDLE) units += numberAt(this.bytes, at);
      at = this.bytes.indexOf(SPACE, at) + 1;
    }
    return units * STAT_UNIT_MS;
  }
}

function openIf(path: string): number {
  try {
    return openSync(path, 'r');
  } catch {
    return -1;
  }
}

function lineAfter(bytes: Uint8Array, at: number, length: number): number {
  const end = bytes.indexOf(NEWLINE, at);
  return end < 0 ? length : end + 1;
}

function numberAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; bytes[at]! >= ZERO && bytes[at]! <= NINE; at++) value = value * 10 + bytes[at]! - ZERO;
  return value;
}
