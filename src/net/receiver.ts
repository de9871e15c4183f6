/**
 * The receive half of all connections: arms receives, cuts frames, moves partial ones, and gives memory back. Called by
 * the front with completions and once per turn; hands whole frames to the dispatcher. Knows nothing of requests.
 *
 * An idle connection waits for readability without memory. A receive that gets nothing for a second is cancelled and its
 * block goes back; a partial frame that stalls lies in the smallest block that holds it. Who sends much more than he ever
 * completed needs a seat first (`stranger-seats`). Connections that need memory and find none wait in one queue, first come
 * first served; when that does not move, idle receives give theirs back, and then the partial frame that has stalled longest
 * is closed, so that nobody can hold the front by not sending. A full slab alone closes nobody: while workers wait for a device, clients wait too.
 *
 * Blocks of ordinary size together leave room for one largest frame. So a 100 MiB request finds memory under any load,
 * and a load of ordinary requests touches, and so costs, no more than the rest. When connections hold all of it with
 * partial frames that each need a new block, one at a time may go beyond: it gets its whole frame, receives to the end of
 * that and no further, and gives the block back. So honest senders never wait for each other in a circle.
 */
import { assert } from '../base/assert.ts';
import { Fifo } from '../base/fifo.ts';
import type { Slab } from '../zerocopy/slab.ts';
import {
  CONNECTION_OPEN,
  type Connection,
  LOGIN_UNDER_WAY,
  RECEIVE_ARMED,
  RECEIVE_CANCELLING,
  RECEIVE_NONE,
  RECEIVE_WAITING,
} from './connection.ts';
import type { ConnectionTable } from './connection-table.ts';
import type { Dispatcher } from './dispatcher.ts';
import {
  FRAME_BYTES_MIN,
  FRAME_COMPLETE,
  FRAME_NEGATIVE,
  FRAME_PARTIAL,
  FRAME_TOO_SHORT,
  guessOfPrefix,
  LOGIN_FRAME_BYTES_MIN,
  nextFrame,
  PREFIX_BYTES,
} from './framer.ts';
import type { FrontLimits } from './limits.ts';
import { isTrusted, leastBlockBytes, nextBlockBytes, powerOfTwoAbove, receiveEnd, widen } from './receive-memory.ts';
import { StrangerSeats } from './stranger-seats.ts';
import type { Transport } from './transport.ts';

const ECANCELED = -125;
const NONE = -1;
/** Between two that are closed for want of memory. */
const EVICTION_MS_MIN = 2;
/** Whoever sent something within this time is sending, not stalling. */
const STALL_MS_MIN = 50;
/** While somebody waits there is a turn every millisecond; one that comes later than this came late. */
const STANDSTILL_MS = 50;
/** So many times `memoryWaitMs` without movement, and sending drop by drop does not help any more. */
const PATIENCE = 10;
/**
 * Those who send at the same time share so much of each turn. How much lies in a socket depends on its buffer, which the kernel
 * makes largest for whoever is read most: without shares the slowest of 16 equal producers had 35 to 48 % of the mean.
 */
const TURN_BYTES = 8_388_608;
const SHARE_BYTES_MIN = 65_536;
/** Who has less of it in requests that wait for himself is not closed for it. */
const HELD_BACK_BYTES_MIN = 65_536;
/** While somebody waits for memory, a receive that got nothing for so long gives back what it would receive into. */
const SPARE_MS = 100;
/** Memory that was short counts as short for so long. */
const SHORT_MS = 1000;
/** Of the slab: what the one beyond the ordinary limit finds, at least. */
const BEYOND_SHARE = 8;

export class Receiver {
  private readonly slab: Slab;
  private readonly transport: Transport;
  private readonly limits: FrontLimits;
  private readonly table: ConnectionTable;
  private readonly dispatcher: Dispatcher;
  private readonly requestBytesMax: number;
  private readonly waiting: Fifo<Connection>;
  private readonly seats: StrangerSeats;
  private readonly ordinaryBytesMax: number;
  private readonly beyondBytesMax: number;
  /** The one whose block lies beyond the ordinary limit. */
  private beyond: Connection | null = null;
  /** Blocks of more than ordinary size that connections hold. */
  private largeBytes = 0;
  private lastEvictionMs = Number.NEGATIVE_INFINITY;
  private lastHeldBackMs = 0;
  private lastSpareMs = 0;
  /** Receives of the turn that brought bytes, and what each may bring in it. */
  private senders = 0;
  private shareBytes = TURN_BYTES;
  /** Somebody has had to wait for memory a moment ago, and will have to again. */
  private shortUntilMs = 0;
  /** When the queue moved last. */
  private lastServedMs = 0;
  private lastLookMs = 0;

  constructor(slab: Slab, transport: Transport, limits: FrontLimits, table: ConnectionTable, dispatcher: Dispatcher) {
    this.slab = slab;
    this.transport = transport;
    this.limits = limits;
    this.table = table;
    this.dispatcher = dispatcher;
    this.requestBytesMax = Math.min(limits.requestBytesMax, slab.bytesTotal - PREFIX_BYTES);
    this.waiting = new Fifo<Connection>(limits.connectionsMax + 1);
    this.seats = new StrangerSeats(table, limits.connectionsMax, slab.bytesTotal / 2);
    const largestBytes = Math.min(powerOfTwoAbove(this.requestBytesMax), slab.bytesTotal / 2);
    const isSmall = largestBytes <= limits.receiveBytesMax;
    this.beyondBytesMax = slab.bytesTotal - (isSmall ? 0 : largestBytes);
    const beyondBytes = isSmall ? 0 : Math.min(limits.receiveBytesMax * 2, slab.bytesTotal / BEYOND_SHARE);
    this.ordinaryBytesMax = this.beyondBytesMax - beyondBytes;
  }

  get hasWaiting(): boolean {
    return this.waiting.count > 0 || this.seats.hasLine;
  }

  /** Before the completions of a turn. */
  beginTurn(): void {
    this.shareBytes = this.senders <= 1 ? TURN_BYTES : Math.max(SHARE_BYTES_MIN, Math.floor(TURN_BYTES / this.senders));
    this.senders = 0;
  }

  /** A new connection, or one that fell silent: waits without memory. */
  rest(connection: Connection): void {
    assert(connection.receiveState === RECEIVE_NONE, 'one receive at a time');
    connection.receiveState = RECEIVE_WAITING;
    this.transport.awaitReadable(connection.socket);
  }

  onReadable(connection: Connection, result: number): void {
    const wasOpen = connection.state === CONNECTION_OPEN;
    connection.receiveState = RECEIVE_NONE;
    if (!wasOpen) return;
    if (result < 0 && result !== ECANCELED) this.table.close(connection);
    else this.arm(connection, this.table.nowMs, true);
  }

  onReceive(connection: Connection, result: number): void {
    const wasCancelled = connection.receiveState === RECEIVE_CANCELLING;
    connection.receiveState = RECEIVE_NONE;
    if (connection.state !== CONNECTION_OPEN) return;
    if (result > 0) {
      assert(result <= connection.offeredBytes, 'no more arrives than was asked for');
      connection.fillAt += result;
      this.senders += 1;
      connection.lastBytesMs = this.table.nowMs;
      if (result === connection.offeredBytes) widen(connection, this.limits);
      this.cut(connection);
    } else if (wasCancelled && result === ECANCELED) {
      this.fallSilent(connection);
    } else if (result === 0) {
      this.end(connection);
    } else {
      this.table.close(connection);
    }
  }

  /** As in Kafka, which sees the end behind the last request: whoever says no more, or nonsense, may still read. */
  private end(connection: Connection): void {
    connection.hasEnded = true;
    this.dropBlock(connection);
    if (connection.isDone) this.table.close(connection);
  }

  /** Begins as many frames as are whole; then receives on, unless something holds the connection. */
  cut(connection: Connection): void {
    const view = this.slab.memory.view;
    for (;;) {
      const isLogin = connection.login === LOGIN_UNDER_WAY;
      // What the next bytes are depends on what becomes of those before.
      if (isLogin && connection.orderCount > 0) {
        this.dispatcher.hold(connection);
        return;
      }
      const bytesMax = isLogin ? this.loginBytesMaxOf(connection) : this.requestBytesMax;
      const status = nextFrame(connection, view, isLogin ? LOGIN_FRAME_BYTES_MIN : FRAME_BYTES_MIN, bytesMax);
      if (status === FRAME_PARTIAL) break;
      if (status !== FRAME_COMPLETE) {
        this.refuse(connection, status);
        return;
      }
      this.seats.leave(connection);
      if (!this.dispatcher.canBegin(connection)) {
        this.dispatcher.hold(connection);
        return;
      }
      const frameBytes = connection.frameBytes;
      const at = connection.readAt + PREFIX_BYTES;
      connection.readAt += frameBytes;
      connection.frameBytes = 0;
      connection.frameBytesLatest = frameBytes;
      if (frameBytes > connection.frameBytesSeenMax) connection.frameBytesSeenMax = frameBytes;
      this.dispatcher.dispatch(connection, at, frameBytes - PREFIX_BYTES);
      if (connection.hasEnded) this.dropBlock(connection);
      if (connection.state !== CONNECTION_OPEN || connection.isHeld || connection.hasEnded) return;
    }
    this.arm(connection, this.table.nowMs, connection.partialBytes > 0);
  }

  /** What held the connection may be gone. */
  resume(connection: Connection): void {
    if (!connection.isHeld || connection.state !== CONNECTION_OPEN) return;
    if (!this.dispatcher.resume(connection)) {
      if (connection.hasEnded) this.dropBlock(connection);
      return;
    }
    if (connection.state !== CONNECTION_OPEN) return;
    connection.isHeld = false;
    this.cut(connection);
  }

  /** Once per turn: memory that came free goes to those who wait, in their order. */
  serveWaiting(nowMs: number): boolean {
    // Nobody is to blame for what this front stood still itself: what came meanwhile lies in sockets that were not read.
    this.lastServedMs += Math.max(0, nowMs - this.lastLookMs - STANDSTILL_MS);
    this.lastLookMs = nowMs;
    let didWork = this.serveSeats(nowMs);
    if (this.serveBeyond(nowMs)) didWork = true;
    for (;;) {
      const connection = this.waiting.peek();
      if (connection === undefined) return didWork;
      if (connection.state === CONNECTION_OPEN && connection.isWaitingForMemory && !this.takeBlock(connection)) break;
      this.waiting.shift();
      connection.isInMemoryQueue = false;
      this.noteServed(nowMs);
      didWork = true;
      if (connection.state !== CONNECTION_OPEN || !connection.isWaitingForMemory) continue;
      connection.isWaitingForMemory = false;
      this.receive(connection);
    }
    this.relieve(nowMs);
    return didWork;
  }

  private serveSeats(nowMs: number): boolean {
    if (!this.seats.hasLine) return false;
    for (const connection of this.seats.unseat(nowMs)) this.cancelReceive(connection);
    let didWork = false;
    for (;;) {
      const connection = this.seats.next(nowMs);
      if (connection === null) return didWork;
      didWork = true;
      this.arm(connection, nowMs, true);
    }
  }

  /** It may stand anywhere in the queue, and everybody waits for it. Its place there stays, as that of a dead socket. */
  private serveBeyond(nowMs: number): boolean {
    const connection = this.beyond;
    if (connection === null || !connection.isWaitingForMemory || connection.state !== CONNECTION_OPEN) return false;
    if (!this.takeBlock(connection)) return false;
    connection.isWaitingForMemory = false;
    this.noteServed(nowMs);
    this.receive(connection);
    return true;
  }

  /** Memory that somebody was closed for shows no movement: the next one in line may wait for the next one who stalls. */
  private noteServed(nowMs: number): void {
    if (nowMs - this.lastEvictionMs >= this.limits.memoryWaitMs) this.lastServedMs = nowMs;
  }

  /** Now and then: an armed receive that got nothing goes back to waiting without memory. */
  checkSilence(connection: Connection, nowMs: number): void {
    if (nowMs - connection.lastBytesMs >= this.limits.receiveIdleMs) this.cancelReceive(connection);
  }

  private cancelReceive(connection: Connection): void {
    if (connection.receiveState !== RECEIVE_ARMED) return;
    connection.receiveState = RECEIVE_CANCELLING;
    this.transport.cancelReceive(connection.socket);
  }

  /** The connection is closed and nothing is under way: its block goes back. */
  dropBlock(connection: Connection): void {
    if (this.beyond === connection) this.beyond = null;
    this.seats.leave(connection);
    if (connection.block === NONE) return;
    this.letGo(connection.block);
    connection.block = NONE;
    connection.blockEnd = 0;
    connection.readAt = 0;
    connection.fillAt = 0;
  }

  /** `isSending`: more is known to come. Who may have said all he had takes no memory that is short. */
  private arm(connection: Connection, nowMs: number, isSending: boolean): void {
    if (connection.receiveState !== RECEIVE_NONE || connection.isWaitingForMemory || connection.isWaitingForSeat)
      return;
    if (this.beyond === connection && connection.partialBytes === 0) this.dropBlock(connection);
    const hasRoom = connection.block !== NONE && receiveEnd(connection, this.limits) > connection.fillAt;
    if (!hasRoom && !isTrusted(connection, this.limits) && !this.seats.admits(connection, nowMs)) return;
    // Who is beyond the limit has had its turn in the queue: the others wait for it to finish.
    const isNext = this.waiting.count === 0 || this.beyond === connection;
    if (hasRoom || (isNext && this.takeBlock(connection, isSending))) {
      this.receive(connection);
      return;
    }
    if (!isSending) {
      this.dropBlock(connection);
      this.rest(connection);
      return;
    }
    connection.isWaitingForMemory = true;
    connection.memoryWaitSinceMs = nowMs;
    // A socket that died while it waited keeps its place for whoever gets its number next.
    if (connection.isInMemoryQueue) return;
    this.shortUntilMs = nowMs + SHORT_MS;
    connection.isInMemoryQueue = this.waiting.push(connection);
    if (!connection.isInMemoryQueue) this.table.close(connection);
  }

  private receive(connection: Connection): void {
    let end = receiveEnd(connection, this.limits);
    if (this.beyond === connection && connection.frameBytes > 0) {
      end = Math.min(end, connection.readAt + connection.frameBytes);
    }
    end = Math.min(end, connection.fillAt + this.shareBytes);
    assert(end > connection.fillAt && end <= connection.blockEnd, 'a receive has room in its block');
    connection.offeredBytes = end - connection.fillAt;
    connection.receiveState = RECEIVE_ARMED;
    // A silence is measured from here for a connection that has just woken.
    if (connection.lastBytesMs < this.table.nowMs) connection.lastBytesMs = this.table.nowMs;
    this.transport.receive(connection.socket, this.slab.memory, connection.fillAt, connection.offeredBytes);
  }

  /** A new block for what is not cut yet; the partial frame moves into it, once. False: no memory now. */
  private takeBlock(connection: Connection, mayGoBeyond = true): boolean {
    const least = leastBlockBytes(connection, this.limits);
    let bytes = Math.max(nextBlockBytes(connection, this.limits, this.table.nowMs < this.shortUntilMs), least);
    // Whoever needs no old bytes lets go first: the same memory may serve again.
    if (connection.partialBytes === 0) this.dropBlock(connection);
    let block = this.allocate(bytes);
    while (block === NONE && bytes > least) {
      bytes = Math.max(bytes / 2, least);
      block = this.allocate(bytes);
    }
    if (block === NONE) return mayGoBeyond && this.goBeyond(connection, least);
    if (this.beyond === connection) this.beyond = null;
    this.moveTo(connection, block);
    return true;
  }

  /** Nothing within the limit: the first in line, one at a time, gets a block for its whole frame all the same. */
  private goBeyond(connection: Connection, least: number): boolean {
    if (this.beyond !== null && this.beyond !== connection) return false;
    const bytes = Math.max(least, powerOfTwoAbove(connection.frameBytes));
    // Whole frames that were beyond count until the workers are done with them.
    const ordinaryBytes = this.slab.usedBytes - this.largeBytes;
    if (bytes > this.limits.receiveBytesMax || ordinaryBytes + bytes > this.beyondBytesMax) return false;
    const block = this.slab.allocate(bytes);
    if (block === NONE) return false;
    this.moveTo(connection, block);
    this.beyond = connection;
    return true;
  }

  /** A block of ordinary size only while such blocks leave room for one largest frame. */
  private allocate(bytes: number): number {
    const isLarge = bytes > this.limits.receiveBytesMax;
    const ordinaryBytes = this.slab.usedBytes - this.largeBytes;
    assert(ordinaryBytes >= 0, 'blocks that connections hold are in use');
    if (!isLarge && ordinaryBytes + bytes > this.ordinaryBytesMax) return NONE;
    const block = this.slab.allocate(bytes);
    if (isLarge && block !== NONE) this.largeBytes += this.slab.blockBytes(block);
    return block;
  }

  /** Requests in the block may own it still; until they let go as well, it counts as ordinary. */
  private letGo(block: number): void {
    const bytes = this.slab.blockBytes(block);
    if (bytes > this.limits.receiveBytesMax) this.largeBytes -= bytes;
    assert(this.largeBytes >= 0, 'a large block is let go once');
    this.slab.release(block);
  }

  private moveTo(connection: Connection, block: number): void {
    const partial = connection.partialBytes;
    const from = connection.readAt;
    if (partial > 0) this.slab.memory.bytes.copyWithin(block, from, from + partial);
    if (connection.block !== NONE) this.letGo(connection.block);
    connection.block = block;
    connection.blockEnd = block + this.slab.blockBytes(block);
    connection.readAt = block;
    connection.fillAt = block + partial;
  }

  /** Nothing came for a while: hold nothing, or no more than the partial frame needs. */
  private fallSilent(connection: Connection): void {
    const partial = connection.partialBytes;
    connection.blockBytesWanted = 0;
    if (partial === 0) {
      this.dropBlock(connection);
    } else if (powerOfTwoAbove(partial) < this.slab.blockBytes(connection.block)) {
      const block = this.allocate(partial);
      if (block !== NONE) {
        this.moveTo(connection, block);
        if (this.beyond === connection) this.beyond = null;
      }
    }
    this.rest(connection);
  }

  /** The queue does not move: whoever began a frame and stopped sending longest ago makes room. */
  private relieve(nowMs: number): void {
    const head = this.waiting.peek();
    if (head === undefined) return;
    const waitMs = this.limits.memoryWaitMs;
    const stuckMs = nowMs - Math.max(head.memoryWaitSinceMs, this.lastServedMs);
    const evictedMs = nowMs - this.lastEvictionMs;
    if (stuckMs >= SPARE_MS) this.takeSpare(nowMs);
    if (stuckMs < waitMs || evictedMs < EVICTION_MS_MIN) return;
    const isDue = evictedMs >= waitMs;
    if (isDue && (this.relieveOfMuted(nowMs) || this.relieveOfHeldBack(nowMs))) return;
    const victim = this.victim(nowMs);
    if (victim === null) return;
    // Of those that stall for as long as others wait there may be thousands: they go one after the other.
    const silentMs = nowMs - victim.lastBytesMs;
    if (!isDue && silentMs < waitMs) return;
    if (silentMs < STALL_MS_MIN && stuckMs < waitMs * PATIENCE) return;
    this.lastEvictionMs = nowMs;
    this.table.closeSaying(
      victim,
      'receive-memory',
      `closed ${victim.peer}: receive memory is full, and of ${victim.frameBytes} announced bytes it has sent ` +
        `${victim.partialBytes} and then nothing for ${Math.round(nowMs - victim.lastBytesMs)} ms; ` +
        'raise queued.max.request.bytes if this is a normal client',
    );
  }

  /** Who waits for memory comes before those that may send something soon: they wait without. */
  private takeSpare(nowMs: number): void {
    if (nowMs - this.lastSpareMs < SPARE_MS) return;
    this.lastSpareMs = nowMs;
    for (const connection of this.table.open) {
      if (connection.partialBytes === 0 && nowMs - connection.lastBytesMs >= SPARE_MS) this.cancelReceive(connection);
    }
  }

  /** Who was told to wait and sent on all the same holds memory for it: that is the first to go. */
  private relieveOfMuted(nowMs: number): boolean {
    const muted = this.table.longestMuted();
    if (muted === null) return false;
    this.lastEvictionMs = nowMs;
    const leftMs = Math.round(muted.mutedUntilMs - nowMs);
    this.table.closeSaying(
      muted,
      'receive-memory-muted',
      `closed ${muted.peer}: receive memory is full, and it is above its quota, has to wait for ${leftMs} ms and sent on; ` +
        'raise the quota if this is a normal client',
    );
    return true;
  }

  /** Who has most of it in requests that wait for himself. To find him takes a look at all, so not in every turn. */
  private relieveOfHeldBack(nowMs: number): boolean {
    if (nowMs - this.lastHeldBackMs < this.limits.memoryWaitMs) return false;
    this.lastHeldBackMs = nowMs;
    let most: Connection | null = null;
    let mostBytes = HELD_BACK_BYTES_MIN;
    for (let index = 0; index < this.table.open.length; index++) {
      const connection = this.table.open[index]!;
      const bytes = this.dispatcher.bytesHeldBack(connection);
      if (bytes < mostBytes) continue;
      most = connection;
      mostBytes = bytes;
    }
    if (most === null) return false;
    this.lastEvictionMs = nowMs;
    const what = `closed ${most.peer}: receive memory is full, and ${mostBytes} bytes of it hold requests whose answers it`;
    const why = most.isSending ? 'does not read' : 'gets only behind one that waits';
    this.table.closeSaying(most, 'receive-memory-held-back', `${what} ${why}`);
    return true;
  }

  private victim(nowMs: number): Connection | null {
    const beyond = this.beyond;
    const isSender =
      beyond !== null && beyond.state === CONNECTION_OPEN && !beyond.isHeld && !beyond.isWaitingForMemory;
    return isSender && nowMs - beyond.lastBytesMs >= this.limits.memoryWaitMs
      ? beyond
      : this.table.longestStalledFrame();
  }

  private loginBytesMaxOf({ listener }: Connection): number {
    return Math.min(listener.bounds.loginBytesMax, this.requestBytesMax);
  }

  private refuse(connection: Connection, status: number): void {
    const view = this.slab.memory.view;
    const announced = view.getUint32(connection.readAt);
    const guess = guessOfPrefix(view, connection.readAt);
    let why = `the limit is ${this.requestBytesMax} (socket.request.max.bytes)`;
    if (connection.login === LOGIN_UNDER_WAY)
      why = `before it has logged in the limit is ${this.loginBytesMaxOf(connection)} (sasl.server.max.receive.size)`;
    if (status === FRAME_NEGATIVE) why = 'no request is that long';
    if (status === FRAME_TOO_SHORT) why = 'that is too short for a request';
    this.table.log.say(
      // A guess says more than a length: it is not swallowed because some other length was told a moment ago.
      guess === '' ? `frame-length-${status}` : `frame${guess}`,
      'warn',
      `closed ${connection.peer}: it announced ${announced} bytes${guess === '' ? `; ${why}` : guess}`,
    );
    this.end(connection);
  }
}
