/**
 * One client connection as the front sees it: plain state, no behaviour beyond its own invariants. `receiver` moves the
 * receive half, `outbox` the send half, `front` the order of exchanges. Objects are kept by socket number and reused
 * after the socket's closing completed.
 *
 * The receive half, inside one block of the slab that exchanges share by reference count:
 *
 *   block ──── spans of exchanges ──── readAt ── partial frame ── fillAt ── armed receive ── blockEnd
 */
import { assert } from '../base/assert.ts';
import { isSasl } from '../config/listeners.ts';
import type { ClientMeters } from './client-meters.ts';
import { type ListenerFacts, PLAINTEXT_FACTS } from './front-listener.ts';
import { ANONYMOUS, type Identity, ruleHost } from './identity.ts';
import type { IdentityRights } from './identity-rights.ts';

export const CONNECTION_FREE = 0;
export const CONNECTION_OPEN = 1;
/** Nothing more is read; what is answered already is sent, then the connection closes. */
export const CONNECTION_ENDING = 2;
/** `close` was handed to the transport; memory goes back when it completed. */
export const CONNECTION_CLOSING = 3;

/** What the transport is doing for the receive half. */
export const RECEIVE_NONE = 0;
/** Waits for the first byte without holding memory. */
export const RECEIVE_WAITING = 1;
export const RECEIVE_ARMED = 2;
/** Cancelled because nothing came; its completion is on the way. */
export const RECEIVE_CANCELLING = 3;

/** Its listener lets anybody speak. */
export const LOGIN_NONE = 0;
/** Every frame goes to main as part of the login, one at a time, unread. */
export const LOGIN_UNDER_WAY = 1;
export const LOGIN_DONE = 2;
/** Nobody logs in again more often, as in Kafka. */
export const LOGIN_AGAIN_MS_MIN = 1000;

const NOBODY: Identity = { principal: ANONYMOUS, host: '', listener: PLAINTEXT_FACTS.name };

export class Connection {
  readonly socket: number;
  /** Names the connection to main; never used twice by a front. */
  id = 0;
  state = CONNECTION_FREE;
  peer = '';
  address = '';
  /** The one it came by. */
  listener: ListenerFacts = PLAINTEXT_FACTS;
  identity: Identity = NOBODY;
  /** What was found out about its rights; null: not looked up yet. */
  rights: IdentityRights | null = null;
  login: number = LOGIN_NONE;
  /** A request after that closes it, unless it is the beginning of a new login. */
  loginEndsMs = Number.POSITIVE_INFINITY;
  /** When it may log in again, if ever. */
  loginAgainMs = 0;
  /** Where connections from its address are counted. */
  addressRow = -1;
  /** Main was told who this is. */
  isAnnounced = false;
  /** Place in the front's list of open connections. */
  openIndex = -1;
  /** In the list of connections to look at before this turn ends. */
  isTouched = false;
  lastBytesMs = 0;

  receiveState = RECEIVE_NONE;
  block = -1;
  blockEnd = 0;
  readAt = 0;
  fillAt = 0;
  /** How long the armed receive is. */
  offeredBytes = 0;
  /** Prefix included; 0 while fewer than four bytes of the next frame are here. */
  frameBytes = 0;
  /** The largest and the latest frame this connection completed. */
  frameBytesSeenMax = 0;
  frameBytesLatest = 0;
  blockBytesWanted = 0;
  isWaitingForMemory = false;
  /** Outlives the connection: the queue holds the object until it comes to it. */
  isInMemoryQueue = false;
  memoryWaitSinceMs = 0;
  /** It sends a frame much larger than any before. */
  hasSeat = false;
  hasLostSeat = false;
  isWaitingForSeat = false;
  /** A bit for each line; outlives the connection as well. */
  inSeatLines = 0;
  /** A frame lies there that cannot be begun yet (lanes, exchanges or outbox are full). */
  isHeld = false;
  /** The peer has closed its side: what it asked for is answered, then the connection closes. */
  hasEnded = false;

  /** Of the client id it used last; null: not looked up yet. */
  meters: ClientMeters | null = null;
  /** No request is begun until then; 0: not muted. */
  mutedUntilMs = 0;
  /** It came too fast: when its mute is over it is closed. */
  isRefused = false;

  /** Exchanges in request order, oldest and latest by index; the pool keeps the order. */
  orderHead = -1;
  orderTail = -1;
  orderCount = 0;

  partHead = -1;
  partTail = -1;
  isSending = false;
  /** What was handed over with the send under way; its part may have grown since. */
  sendingBytes = 0;
  sendSinceMs = 0;
  /** Response bytes in memory that have not left. */
  outboxBytes = 0;
  /** Those of main's answers that wait for the ones before them. */
  asideBytes = 0;
  /** A request of it is with main: the next one waits here. */
  isWithMain = false;
  writeBlock = -1;
  writeAt = 0;
  writeEnd = 0;
  isWaitingForOutbox = false;

  constructor(socket: number) {
    this.socket = socket;
  }

  get partialBytes(): number {
    return this.fillAt - this.readAt;
  }

  /** Nothing more is to be read, answered or sent. */
  get isDone(): boolean {
    if (this.partHead >= 0) return false;
    return this.state === CONNECTION_ENDING || (this.hasEnded && this.orderCount === 0);
  }

  /** `principal`: what its certificate says it is; null where it has shown none. */
  open(id: number, peer: string, listener: ListenerFacts, principal: string | null, nowMs: number): void {
    assert(this.state === CONNECTION_FREE, 'a socket is reused only after its closing completed');
    assert(this.block === -1 && this.partHead === -1, 'a new connection holds no memory');
    this.id = id;
    this.state = CONNECTION_OPEN;
    this.peer = peer;
    this.address = addressOf(peer);
    this.listener = listener;
    this.identity = { principal: principal ?? ANONYMOUS, host: ruleHost(this.address), listener: listener.name };
    this.login = isSasl(listener.protocol) ? LOGIN_UNDER_WAY : LOGIN_NONE;
    this.loginEndsMs = Number.POSITIVE_INFINITY;
    this.loginAgainMs = 0;
    this.isAnnounced = false;
    this.isTouched = false;
    this.lastBytesMs = nowMs;
    this.receiveState = RECEIVE_NONE;
    this.blockEnd = 0;
    this.readAt = 0;
    this.fillAt = 0;
    this.frameBytes = 0;
    this.frameBytesSeenMax = 0;
    this.frameBytesLatest = 0;
    this.blockBytesWanted = 0;
    this.isWaitingForMemory = false;
    this.hasSeat = false;
    this.hasLostSeat = false;
    this.isWaitingForSeat = false;
    this.isHeld = false;
    this.hasEnded = false;
    this.rights = null;
    this.meters = null;
    this.mutedUntilMs = 0;
    this.isRefused = false;
    this.isSending = false;
    this.outboxBytes = 0;
    this.asideBytes = 0;
    this.isWithMain = false;
    this.isWaitingForOutbox = false;
  }
}

/** Main has found out who it is. Requests from here on are its own. */
export function finishLogin(connection: Connection, principal: string, lifetimeMs: number | null, nowMs: number): void {
  assert(connection.login === LOGIN_UNDER_WAY, 'whoever logs in was asked to');
  connection.login = LOGIN_DONE;
  connection.loginEndsMs = lifetimeMs === null ? Number.POSITIVE_INFINITY : nowMs + lifetimeMs;
  if (connection.identity.principal === principal) return;
  connection.identity = { ...connection.identity, principal };
  connection.meters = null;
  connection.rights = null;
}

/** "10.0.0.7:51234" → "10.0.0.7"; "[::1]:51234" → "[::1]". */
function addressOf(peer: string): string {
  const colon = peer.lastIndexOf(':');
  return colon > 0 ? peer.slice(0, colon) : peer;
}
