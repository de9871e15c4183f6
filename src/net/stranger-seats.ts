/**
 * Who may send a frame much larger than any that his connection has completed. Such a frame is received from a seat, of
 * which there are few, so that any number of clients that announce much and stall hold the memory of a few, and whoever is
 * known by what he sent before never waits for them. Most first batches have seats of their own, which no frame of 100 MiB
 * takes. Called by the receiver, which moves the bytes.
 *
 * Whoever brings nothing worth a seat while others wait for one loses it and keeps what he sent; when he sends on, he stands
 * in line again. While others wait for seats of huge frames, those that have one share few bytes: the first of them goes on,
 * the rest pause in their seats. When those without a seat hold too much between them, the one silent longest is closed: much
 * sooner where all are silent than where they are many that send slowly.
 */
import { assert } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import { CONNECTION_OPEN, type Connection } from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';

/** A first batch is seldom larger. */
const ORDINARY_FRAME_BYTES_MAX = 2_097_152;
/**
 * By the kind of a seat: the largest frame it is for, how many there are, how long one may be held without bringing much
 * while others wait, and what all of them and those that lost theirs a moment ago may then hold. Ordinary clients that all
 * begin at once, on a machine that is busy, are no stallers: they get more time.
 */
const KINDS = [
  { frameBytesMax: 65_536, count: 256, worthMs: 2000, sharedBytesMax: Number.POSITIVE_INFINITY },
  { frameBytesMax: ORDINARY_FRAME_BYTES_MAX, count: 32, worthMs: 2000, sharedBytesMax: Number.POSITIVE_INFINITY },
  { frameBytesMax: Number.POSITIVE_INFINITY, count: 8, worthMs: 400, sharedBytesMax: 8_388_608 },
] as const;
/** So much has to come in that time. */
const WORTH_BYTES = 16_384;
/** While somebody waits there is a look every millisecond; for what lies between two that are further apart nobody is to blame. */
const STANDSTILL_MS = 50;
/**
 * Of those that lost their seats with a huge frame: what those hold together that have been silent for so long. Where seats
 * stay empty because of what is held, nothing, and after a shorter time.
 */
const SILENT_MS = 1000;
const SILENT_SHORT_MS = 400;
const SILENT_BYTES_MAX = 2_097_152;
/** Between two looks at who has been silent. */
const RELIEF_MS = 50;

interface Seat {
  readonly connection: Connection;
  /** When it last had brought so much more, and how much it had brought then. */
  worthMs: number;
  worthBytes: number;
  /** It waits until the others hold less. */
  isPaused: boolean;
}

interface Row {
  readonly frameBytesMax: number;
  readonly count: number;
  readonly worthMs: number;
  readonly sharedBytesMax: number;
  /** Its bit in `inSeatLines`. */
  readonly bit: number;
  readonly line: Fifo<Connection>;
  readonly seats: Seat[];
}

export class StrangerSeats {
  private readonly table: ConnectionTable;
  private readonly rows: readonly Row[];
  private readonly heldBytesMax: number;
  private lastLookMs = 0;
  private lastReliefMs = 0;
  private pausedCount = 0;
  /** What those hold that lost a seat for a huge frame and have not sent on. */
  private lostBytes = 0;

  /** `heldBytesMax`: what those that lost their seats may hold, whether they send on or not. */
  constructor(table: ConnectionTable, connectionsMax: number, heldBytesMax: number) {
    this.table = table;
    this.heldBytesMax = heldBytesMax;
    this.rows = KINDS.map((kind, index) => {
      return { ...kind, bit: 1 << index, line: new Fifo<Connection>(connectionsMax + 1), seats: [] };
    });
  }

  get hasLine(): boolean {
    return this.pausedCount > 0 || this.rows.some((row) => row.line.count > 0);
  }

  /** Whether it may go on with its frame now. If not, it stands in line. */
  admits(connection: Connection, nowMs: number): boolean {
    if (connection.hasSeat) return !this.hasToPause(connection);
    const row = this.rowOf(connection);
    if (row.line.count === 0 && row.seats.length < row.count) {
      this.seat(row, connection, nowMs);
      return true;
    }
    connection.isWaitingForSeat = true;
    // A socket that died while it waited keeps its place for whoever gets its number next.
    if ((connection.inSeatLines & row.bit) === 0) {
      connection.inSeatLines |= row.bit;
      row.line.push(connection);
    }
    return false;
  }

  /** Its frame is whole, or it is gone. */
  leave(connection: Connection): void {
    connection.hasLostSeat = false;
    if (!connection.hasSeat) return;
    connection.hasSeat = false;
    for (const { seats } of this.rows) {
      const index = seats.findIndex((seat) => seat.connection === connection);
      if (index < 0) continue;
      if (seats[index]!.isPaused) this.pausedCount -= 1;
      seats.splice(index, 1);
    }
  }

  /** The next one that has got a seat and may go on, or null. */
  next(nowMs: number): Connection | null {
    for (const row of this.rows) {
      const resumed =
        this.pausedCount === 0 ? undefined : row.seats.find((seat) => seat.isPaused && this.maySend(row, seat));
      if (resumed !== undefined) {
        resumed.isPaused = false;
        this.pausedCount -= 1;
        resumed.connection.isWaitingForSeat = false;
        return resumed.connection;
      }
      while (row.seats.length < row.count && this.bytesLeft(row) > 0) {
        const connection = row.line.shift();
        if (connection === undefined) break;
        connection.inSeatLines &= ~row.bit;
        if (connection.state !== CONNECTION_OPEN || !connection.isWaitingForSeat || connection.hasSeat) continue;
        if (this.rowOf(connection) !== row) continue;
        connection.isWaitingForSeat = false;
        this.seat(row, connection, nowMs);
        return connection;
      }
    }
    return null;
  }

  /** Those that lose their seats now because others wait for them: each is to be received from no more than it has room for. */
  unseat(nowMs: number): readonly Connection[] {
    const stoodStillMs = Math.max(0, nowMs - this.lastLookMs - STANDSTILL_MS);
    this.lastLookMs = nowMs;
    const unseated: Connection[] = [];
    for (const { line, seats, worthMs } of this.rows) {
      for (let index = seats.length - 1; index >= 0; index--) {
        const seat = seats[index]!;
        const { connection } = seat;
        seat.worthMs = Math.min(nowMs, seat.worthMs + stoodStillMs);
        const isHeldUp = connection.isWaitingForMemory || seat.isPaused;
        if (connection.partialBytes - seat.worthBytes >= WORTH_BYTES || isHeldUp) {
          seat.worthMs = nowMs;
          seat.worthBytes = connection.partialBytes;
        }
        if (line.count === 0 || nowMs - seat.worthMs < worthMs) continue;
        seats.splice(index, 1);
        connection.hasSeat = false;
        connection.hasLostSeat = true;
        unseated.push(connection);
      }
    }
    if (unseated.length > 0) this.relieve(nowMs);
    const hasLostHuge = unseated.some(({ frameBytes }) => frameBytes > ORDINARY_FRAME_BYTES_MAX);
    if (hasLostHuge || nowMs - this.lastReliefMs >= RELIEF_MS) this.relieveOfSilent(nowMs);
    return unseated;
  }

  private rowOf(connection: Connection): Row {
    return this.rows.find((row) => connection.frameBytes <= row.frameBytesMax)!;
  }

  private seat(row: Row, connection: Connection, nowMs: number): void {
    connection.hasSeat = true;
    connection.hasLostSeat = false;
    row.seats.push({ connection, worthMs: nowMs, worthBytes: connection.partialBytes, isPaused: false });
  }

  private hasToPause(connection: Connection): boolean {
    if (connection.frameBytes <= ORDINARY_FRAME_BYTES_MAX) return false;
    const row = this.rowOf(connection);
    const seat = row.seats.find((candidate) => candidate.connection === connection);
    assert(seat !== undefined, 'a seat is of the kind of its frame');
    if (this.maySend(row, seat)) return false;
    seat.isPaused = true;
    this.pausedCount += 1;
    connection.isWaitingForSeat = true;
    return true;
  }

  /** Into a larger block than it has. The first always may, so that there is one who gets through. */
  private maySend(row: Row, { connection }: Seat): boolean {
    if (row.line.count === 0 || row.seats[0]!.connection === connection) return true;
    return blockBytesOf(connection) <= this.bytesLeft(row);
  }

  private bytesLeft({ sharedBytesMax, seats }: Row): number {
    if (sharedBytesMax === Number.POSITIVE_INFINITY) return sharedBytesMax;
    return seats.reduce((left, { connection }) => left - blockBytesOf(connection), sharedBytesMax - this.lostBytes);
  }

  /** All that lost their seats hold too much: one after the other goes. */
  private relieve(nowMs: number): void {
    for (;;) {
      let heldBytes = 0;
      let worst: Connection | null = null;
      for (const connection of this.table.open) {
        if (!connection.hasLostSeat || connection.state !== CONNECTION_OPEN) continue;
        heldBytes += connection.partialBytes;
        if (worst === null || isWorse(connection, worst)) worst = connection;
      }
      if (worst === null || heldBytes <= this.heldBytesMax) return;
      this.close(worst, nowMs);
    }
  }

  /** Those that lost a seat for a huge frame and were silent since hold too much: who has been silent longest goes. */
  private relieveOfSilent(nowMs: number): void {
    this.lastReliefMs = nowMs;
    const isShort = this.rows.some(
      (row) => row.line.count > 0 && row.seats.length < row.count && this.bytesLeft(row) <= 0,
    );
    const silentMs = isShort ? SILENT_SHORT_MS : SILENT_MS;
    const silentBytesMax = isShort ? 0 : SILENT_BYTES_MAX;
    for (;;) {
      this.lostBytes = 0;
      let silentBytes = 0;
      let longest: Connection | null = null;
      for (const connection of this.table.open) {
        if (!connection.hasLostSeat || connection.state !== CONNECTION_OPEN || connection.isWaitingForSeat) continue;
        if (connection.frameBytes <= ORDINARY_FRAME_BYTES_MAX) continue;
        this.lostBytes += blockBytesOf(connection);
        if (nowMs - connection.lastBytesMs < silentMs) continue;
        silentBytes += connection.partialBytes;
        if (longest === null || connection.lastBytesMs < longest.lastBytesMs) longest = connection;
      }
      if (longest === null || silentBytes <= silentBytesMax) return;
      this.close(longest, nowMs);
    }
  }

  private close(connection: Connection, nowMs: number): void {
    this.table.closeSaying(
      connection,
      'stranger-seats',
      `closed ${connection.peer}: many clients send frames larger than any before at once, and of ${connection.frameBytes} announced ` +
        `bytes it has sent ${connection.partialBytes} and then nothing for ${Math.round(nowMs - connection.lastBytesMs)} ms; ` +
        'if this is a normal client it may try again',
    );
  }
}

/** Who waits in line would send if it could: of those goes the one that holds most, and only after all others. */
function isWorse(one: Connection, other: Connection): boolean {
  if (one.isWaitingForSeat !== other.isWaitingForSeat) return other.isWaitingForSeat;
  return one.isWaitingForSeat ? one.partialBytes > other.partialBytes : one.lastBytesMs < other.lastBytesMs;
}

function blockBytesOf({ block, blockEnd }: Connection): number {
  return block < 0 ? 0 : blockEnd - block;
}
