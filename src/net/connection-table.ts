/**
 * All connections of a front: accepting them within the limits, finding them by socket, closing them, and saying why.
 * Called by the front and its halves; the last steps of a close (exchanges, parts, blocks) are the front's.
 */
import { assert, must } from '../base/assert.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import { CONNECTION_CLOSING, CONNECTION_FREE, CONNECTION_OPEN, Connection } from './connection.ts';
import type { ConnectionLedger } from './connection-ledger.ts';
import type { ListenerFacts } from './front-listener.ts';
import type { ConnectionLimits } from './front-post.ts';
import type { FrontTallies } from './front-tallies.ts';
import type { FrontLimits } from './limits.ts';
import { plainAddress } from './throttle.ts';
import type { Transport } from './transport.ts';

/** A peer can provoke a line per cause in this period. */
const LOG_PERIOD_MS = 10_000;
const NONE = -1;
const ID_MAX = 0x7fff_ffff;

export interface CloseListener {
  /** The connection has just begun to close: its exchanges lose it. */
  onClosing(connection: Connection): void;
}

export class ConnectionTable {
  /** The time of the front's turn; also the clock of the log lines. */
  nowMs = 0;
  readonly open: Connection[] = [];
  readonly log: RateLimitedLog;
  private readonly transport: Transport;
  private readonly listener: CloseListener;
  private connectionsPerAddressMax: number;
  private addressOverrides: ReadonlyMap<string, number>;
  private readonly bySocket: Connection[] = [];
  private readonly ledger: ConnectionLedger;
  private readonly ownMax: number;
  private readonly roomMax: number;
  private nextId: number;
  private readonly tallies: FrontTallies | null;

  constructor(
    transport: Transport,
    limits: FrontLimits,
    logger: Logger,
    ledger: ConnectionLedger,
    tallies: FrontTallies | null,
    listener: CloseListener,
  ) {
    this.tallies = tallies;
    this.transport = transport;
    this.ledger = ledger;
    this.nextId = 1 + ledger.index;
    this.ownMax = limits.connectionsPerFrontMax;
    this.roomMax = limits.connectionsRoom;
    this.connectionsPerAddressMax = limits.connectionsPerAddressMax;
    this.addressOverrides = limits.addressOverrides;
    this.listener = listener;
    this.log = new RateLimitedLog(logger, { nowMs: () => this.nowMs }, LOG_PERIOD_MS);
  }

  at(socket: number): Connection {
    return must(this.bySocket[socket], 'a completion names a socket of this front');
  }

  /** Connections that are open stay, also beyond a lower limit. */
  limit({ connectionsPerAddressMax, addressOverrides }: ConnectionLimits): void {
    this.connectionsPerAddressMax = connectionsPerAddressMax;
    this.addressOverrides = addressOverrides;
  }

  /** The connection to serve, or null when a limit forbids it (it is then closing). It is in the ledger already. */
  accept(socket: number, listener: ListenerFacts): Connection | null {
    while (this.bySocket.length <= socket) this.bySocket.push(new Connection(this.bySocket.length));
    const connection = this.at(socket);
    const { transport } = this;
    connection.open(this.takeId(), transport.peerOf(socket), listener, transport.principalOf(socket), this.nowMs);
    connection.addressRow = this.ledger.enterAddress(connection.address);
    connection.openIndex = this.open.length;
    this.open.push(connection);
    const sameAddress = this.ledger.countOfAddress(connection.addressRow) - 1;
    if (sameAddress >= this.maxOf(connection.address)) {
      if (this.tallies !== null) this.tallies.refusedByAddress();
      const what = `closed ${connection.peer}: its address has ${sameAddress} connections open; raise max.connections.per.ip`;
      this.closeSaying(connection, 'connections-per-address-max', what);
      return null;
    }
    // Not to wait at the door, where it would have its descriptor: a log that finds none for a new segment takes no more appends.
    if (this.ledger.total > this.roomMax) {
      const what = `closed ${connection.peer}: ${this.roomMax} connections are open, more leave no descriptors for files; raise ulimit -n`;
      this.closeSaying(connection, 'connections-room', what);
      return null;
    }
    if (this.open.length > this.ownMax) {
      const what = `closed ${connection.peer}: this front thread serves ${this.ownMax} connections, the most it can; raise --fronts`;
      this.closeSaying(connection, 'connections-per-front-max', what);
      return null;
    }
    return connection;
  }

  private maxOf(address: string): number {
    if (this.addressOverrides.size === 0) return this.connectionsPerAddressMax;
    return this.addressOverrides.get(plainAddress(address)) ?? this.connectionsPerAddressMax;
  }

  closeSaying(connection: Connection, cause: string, sentence: string): void {
    this.log.say(cause, 'warn', sentence);
    this.close(connection);
  }

  close(connection: Connection): void {
    if (connection.state === CONNECTION_CLOSING) return;
    assert(connection.state !== CONNECTION_FREE, 'only a connection closes');
    connection.state = CONNECTION_CLOSING;
    this.leaveList(connection);
    this.transport.close(connection.socket);
    this.listener.onClosing(connection);
  }

  /** The one that began a frame and then sent nothing for the longest time, or null. */
  longestStalledFrame(): Connection | null {
    let longest: Connection | null = null;
    for (let index = 0; index < this.open.length; index++) {
      const connection = this.open[index]!;
      if (connection.state !== CONNECTION_OPEN || connection.block === NONE || connection.isHeld) continue;
      // Who waits for memory or a seat would send if it could.
      if (connection.partialBytes === 0 || connection.isWaitingForMemory || connection.isWaitingForSeat) continue;
      if (longest === null || connection.lastBytesMs < longest.lastBytesMs) longest = connection;
    }
    return longest;
  }

  /** Of those that hold requests which they may not begin yet, the one that has to wait longest, or null. */
  longestMuted(): Connection | null {
    let longest: Connection | null = null;
    for (let index = 0; index < this.open.length; index++) {
      const connection = this.open[index]!;
      if (connection.state !== CONNECTION_OPEN || connection.block === NONE || connection.mutedUntilMs === 0) continue;
      if (connection.partialBytes === 0) continue;
      if (longest === null || connection.mutedUntilMs > longest.mutedUntilMs) longest = connection;
    }
    return longest;
  }

  /** The one whose send has made no progress for the longest time, or null. */
  slowestReader(): Connection | null {
    let slowest: Connection | null = null;
    for (let index = 0; index < this.open.length; index++) {
      const connection = this.open[index]!;
      if (!connection.isSending || connection.outboxBytes === 0) continue;
      if (slowest === null || connection.sendSinceMs < slowest.sendSinceMs) slowest = connection;
    }
    return slowest;
  }

  /** The one with most answers that wait for others before them, or null. */
  mostAside(): Connection | null {
    let most: Connection | null = null;
    for (let index = 0; index < this.open.length; index++) {
      const connection = this.open[index]!;
      if (connection.asideBytes > (most === null ? 0 : most.asideBytes)) most = connection;
    }
    return most;
  }

  private leaveList(connection: Connection): void {
    const last = must(this.open.pop(), 'a closing connection was open');
    if (last !== connection) {
      this.open[connection.openIndex] = last;
      last.openIndex = connection.openIndex;
    }
    connection.openIndex = NONE;
    this.ledger.leaveAddress(connection.addressRow);
    this.ledger.leave(connection.listener.number);
    connection.addressRow = NONE;
  }

  /** No two fronts give the same number: main knows connections by it. */
  private takeId(): number {
    const { index, fronts } = this.ledger;
    const id = this.nextId;
    this.nextId = id > ID_MAX - fronts ? 1 + index : id + fronts;
    return id;
  }
}
