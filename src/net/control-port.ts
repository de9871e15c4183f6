/**
 * Main's end of a front's control lane: ordinary async code. Copies requests out of the front's slab, hands each with the
 * facts of its connection to `onRequest`, and writes the replies back through the arena.
 *
 * Requests of one connection are handled one after the other, as Kafka does it (a commit is done before the fetch of
 * offsets behind it starts); those of different connections side by side. Every request is answered to the front,
 * also when its connection is gone, because the front's exchange waits for that.
 *
 * Replies that find the arena or the lane full wait here in order; their number is bounded by the front's exchanges.
 */
import { assert } from '../base/assert.ts';
import type { LaneEnd } from '../workers/lane.ts';
import type { ByteRing } from '../zerocopy/byte-ring.ts';
import {
  CONTROL_AT,
  CONTROL_CONNECTION,
  CONTROL_LENGTH,
  CONTROL_REPLY_AT,
  CONTROL_REPLY_BUSY_NUMBER,
  CONTROL_REPLY_CLOSE,
  CONTROL_REPLY_FLAGS,
  CONTROL_REPLY_LENGTH,
  CONTROL_REPLY_MORE,
  JOB_CONNECTION_CLOSED,
  JOB_CONTROL,
  JOB_LOGIN,
  JOB_VERIFY,
  RECEIPT_CONTROL,
  RECEIPT_ERROR,
  RECEIPT_POST,
  RECEIPT_VERIFIED,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_WORDS,
  VERIFIED_MORE,
  VERIFY_VERSION,
} from '../zerocopy/layout.ts';
import type { ConnectionFacts } from './control-lane.ts';
import type { LoginDone } from './front-post.ts';
import type { Identity } from './identity.ts';

/** The frame without its length prefix, a copy. The answer with its prefix; null closes the connection. */
export type OnRequest = (frame: Uint8Array, connection: ConnectionFacts) => Promise<Uint8Array | null>;

/** What main says about a frame of a login. */
export interface LoginReply {
  /** With its length prefix; null: nothing is said. */
  readonly answer: Uint8Array | null;
  /** The client is not who it says, or did not keep to the protocol. */
  readonly closes: boolean;
  /** It has shown who it is. */
  readonly login: { readonly principal: string; readonly lifetimeMs: number | null } | null;
}

/** Any bytes of a client that has to log in, a copy. */
export type OnLogin = (frame: Uint8Array, connection: ConnectionFacts) => Promise<LoginReply>;

/** What main says about the transaction of a Produce. */
export interface ProduceVerdict {
  /** Of the transaction as a whole; 0: see `refusals`. */
  readonly error: number;
  /** Partitions by their place in the request. */
  readonly refusals: readonly { readonly entry: number; readonly error: number }[];
}

/** The body of a Produce, in the front's memory: to be read before the first wait. */
export type OnVerify = (body: Uint8Array, version: number, identity: Identity) => Promise<ProduceVerdict>;

/** The MessagePort to the front, as far as main needs it. `take` returns null when nothing is there. */
export interface FrontPost {
  post(message: unknown): void;
  take(): unknown;
}

export interface ControlPortParts {
  readonly lane: LaneEnd;
  readonly arena: ByteRing;
  /** The front's receive memory. */
  readonly slab: Uint8Array;
  readonly mail: FrontPost;
  readonly onRequest: OnRequest;
  readonly onLogin: OnLogin;
  readonly onVerify: OnVerify;
  /** A handler failed; the connection is closed. */
  readonly onFailure: (error: unknown) => void;
  /** For quotas on the share of main. */
  readonly busyClock: () => number;
  readonly onConnectionClosed?: (connection: number) => void;
}

interface Client {
  readonly facts: ConnectionFacts;
  isGone: boolean;
  /** Exchanges not answered to the front yet. */
  readonly unanswered: Set<number>;
  /** Settles when the request before the next one is done. */
  tail: Promise<void>;
}

interface Reply {
  readonly kind: 'reply' | 'post';
  readonly exchange: number;
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly busyMs: number;
  sentBytes: number;
}

interface Verdict {
  readonly kind: 'verdict';
  readonly exchange: number;
  readonly entry: number;
  readonly error: number;
  readonly isLast: boolean;
}

const NO_BYTES = new Uint8Array(0);
/** While answers of so many bytes wait for room, no other is made. */
const WAITING_BYTES_MAX = 33_554_432;
/** Answers are counted once they are made, so no more requests than these are begun before those before them are. */
const TAKEN_AT_ONCE = 32;

export class ControlPort {
  private readonly parts: ControlPortParts;
  private readonly clients = new Map<number, Client>();
  private readonly replies: (Reply | Verdict)[] = [];
  private bytesWaiting = 0;
  /** Requests that are handled when there is room for answers again. */
  private waitingForRoom: (() => void)[] = [];

  constructor(parts: ControlPortParts) {
    this.parts = parts;
  }

  get connectionCount(): number {
    return this.clients.size;
  }

  /** Replies that wait for room. Nobody announces room in the lane: drain again in a moment while there are any. */
  get waitingCount(): number {
    return this.replies.length;
  }

  /** There is more to take: drain again as soon as what was begun has had its turn. */
  get hasMore(): boolean {
    return this.parts.lane.incoming.peek() >= 0;
  }

  /** Bytes of answers that wait for room. */
  get waitingBytes(): number {
    return this.bytesWaiting;
  }

  /** Main's bell rang: takes what the front sent, writes what waits. */
  drain(): void {
    const { lane } = this.parts;
    let taken = 0;
    for (let slot = lane.incoming.peek(); slot >= 0; slot = lane.incoming.peek()) {
      if (taken === TAKEN_AT_ONCE) break;
      taken += 1;
      const words = lane.incoming.words;
      const at = slot * SLOT_WORDS;
      const connection = words[at + CONTROL_CONNECTION]!;
      if (words[at + SLOT_KIND] === JOB_CONNECTION_CLOSED) {
        this.forget(connection);
      } else if (words[at + SLOT_KIND] === JOB_VERIFY) {
        const from = words[at + CONTROL_AT]!;
        const body = this.parts.slab.subarray(from, from + words[at + CONTROL_LENGTH]!);
        const { identity } = this.clientOf(connection).facts;
        this.verify(words[at + SLOT_EXCHANGE]!, body, words[at + VERIFY_VERSION]!, identity);
      } else {
        const isLogin = words[at + SLOT_KIND] === JOB_LOGIN;
        assert(
          isLogin || words[at + SLOT_KIND] === JOB_CONTROL,
          'a front sends requests, and tells of closed connections',
        );
        const from = words[at + CONTROL_AT]!;
        // The copy is what makes the span the front's again.
        const frame = new Uint8Array(this.parts.slab.subarray(from, from + words[at + CONTROL_LENGTH]!));
        this.take(this.clientOf(connection), words[at + SLOT_EXCHANGE]!, frame, isLogin);
      }
      lane.incoming.advance();
    }
    this.write();
  }

  /** A message for the front (a route update), in order with the replies before and after it. */
  post(message: unknown): void {
    this.parts.mail.post(message);
    this.enqueue({ kind: 'post', exchange: -1, bytes: NO_BYTES, flags: 0, busyMs: 0, sentBytes: 0 });
    this.write();
  }

  private take(client: Client, exchange: number, frame: Uint8Array, isLogin: boolean): void {
    client.unanswered.add(exchange);
    const handled = client.tail.then(() =>
      isLogin ? this.handleLogin(client, exchange, frame) : this.handle(client, exchange, frame),
    );
    client.tail = handled.catch((error: unknown) => {
      this.parts.onFailure(error);
      this.answer(client, exchange, null, 0);
    });
  }

  /** The exchange waits for the answer whatever becomes of its connection. */
  private verify(exchange: number, body: Uint8Array, version: number, identity: Identity): void {
    this.parts.onVerify(body, version, identity).then(
      ({ error, refusals }) => {
        for (const refusal of refusals) this.enqueue({ kind: 'verdict', exchange, ...refusal, isLast: false });
        this.enqueue({ kind: 'verdict', exchange, entry: -1, error, isLast: true });
        this.write();
      },
      (error: unknown) => {
        this.parts.onFailure(error);
        this.enqueue({ kind: 'verdict', exchange, entry: -1, error: UNKNOWN_SERVER_ERROR, isLast: true });
        this.write();
      },
    );
  }

  private async handle(client: Client, exchange: number, frame: Uint8Array): Promise<void> {
    while (this.bytesWaiting > WAITING_BYTES_MAX) {
      await new Promise<void>((resolve) => this.waitingForRoom.push(resolve));
    }
    if (client.isGone) {
      this.letIn();
      return;
    }
    const begunMs = this.parts.busyClock();
    const answering = this.parts.onRequest(frame, client.facts);
    // What the request does before it waits for anything, which is nearly all of it.
    const busyMs = this.parts.busyClock() - begunMs;
    this.answer(client, exchange, await answering, busyMs);
  }

  private async handleLogin(client: Client, exchange: number, frame: Uint8Array): Promise<void> {
    if (client.isGone) return;
    const { answer, closes, login } = await this.parts.onLogin(frame, client.facts);
    if (!client.unanswered.delete(exchange)) return;
    if (login !== null) {
      client.facts.identity = { ...client.facts.identity, principal: login.principal };
      this.post({ kind: 'login', exchange, ...login } satisfies LoginDone);
    }
    const flags = closes ? CONTROL_REPLY_CLOSE : 0;
    this.enqueue({ kind: 'reply', exchange, bytes: answer ?? NO_BYTES, flags, busyMs: 0, sentBytes: 0 });
    this.write();
  }

  private answer(client: Client, exchange: number, bytes: Uint8Array | null, busyMs: number): void {
    if (!client.unanswered.delete(exchange)) return;
    const flags = bytes === null ? CONTROL_REPLY_CLOSE : 0;
    this.enqueue({ kind: 'reply', exchange, bytes: bytes ?? NO_BYTES, flags, busyMs, sentBytes: 0 });
    this.write();
  }

  /** Whoever is gone needs no answers, but the front needs to know that none will come. */
  private forget(connection: number): void {
    const client = this.clients.get(connection);
    if (client === undefined) return;
    client.isGone = true;
    this.clients.delete(connection);
    for (const exchange of client.unanswered) {
      this.enqueue({ kind: 'reply', exchange, bytes: NO_BYTES, flags: CONTROL_REPLY_CLOSE, busyMs: 0, sentBytes: 0 });
    }
    client.unanswered.clear();
    this.parts.onConnectionClosed?.(connection);
  }

  private clientOf(connection: number): Client {
    let client = this.clients.get(connection);
    // The facts were posted before the request, so they are there by now.
    while (client === undefined) {
      const facts = this.parts.mail.take();
      assert(isFacts(facts), 'a connection is introduced before its first request');
      this.clients.set(facts.connection, { facts, isGone: false, unanswered: new Set(), tail: Promise.resolve() });
      client = this.clients.get(connection);
    }
    return client;
  }

  private enqueue(reply: Reply | Verdict): void {
    if (reply.kind !== 'verdict') this.bytesWaiting += reply.bytes.length;
    this.replies.push(reply);
  }

  private write(): void {
    let written = 0;
    while (written < this.replies.length && this.writeOne(this.replies[written]!)) written += 1;
    this.replies.splice(0, written);
    this.letIn();
    this.parts.lane.publish();
  }

  /** In their order; whoever finds too much waiting again waits again, and the next are let in with the next answer. */
  private letIn(): void {
    if (this.waitingForRoom.length === 0 || this.bytesWaiting > WAITING_BYTES_MAX) return;
    for (const resolve of this.waitingForRoom.splice(0, TAKEN_AT_ONCE)) resolve();
  }

  /** False: the rest waits for room. */
  private writeOne(reply: Reply | Verdict): boolean {
    const { lane, arena } = this.parts;
    if (reply.kind === 'verdict') return this.writeVerdict(reply);
    for (;;) {
      const left = reply.bytes.length - reply.sentBytes;
      if (lane.outgoing.freeCount === 0) return false;
      let at = 0;
      let length = 0;
      if (left > 0) {
        at = arena.tryWrite(reply.bytes, reply.sentBytes, left);
        if (at < 0) return false;
        length = arena.lastWritten;
      }
      const slot = lane.outgoing.claim();
      assert(slot >= 0, 'the lane had room');
      reply.sentBytes += length;
      this.bytesWaiting -= length;
      const isLast = reply.sentBytes === reply.bytes.length;
      const words = lane.outgoing.words;
      const to = slot * SLOT_WORDS;
      words[to + SLOT_KIND] = reply.kind === 'post' ? RECEIPT_POST : RECEIPT_CONTROL;
      words[to + SLOT_EXCHANGE] = reply.exchange;
      words[to + CONTROL_REPLY_AT] = at;
      words[to + CONTROL_REPLY_LENGTH] = length;
      lane.outgoing.numbers[(to >> 1) + CONTROL_REPLY_BUSY_NUMBER] = reply.busyMs;
      words[to + CONTROL_REPLY_FLAGS] = isLast ? reply.flags : reply.flags | CONTROL_REPLY_MORE;
      if (isLast) return true;
    }
  }

  private writeVerdict({ exchange, entry, error, isLast }: Verdict): boolean {
    const { outgoing } = this.parts.lane;
    const slot = outgoing.claim();
    if (slot < 0) return false;
    const at = slot * SLOT_WORDS;
    outgoing.words[at + SLOT_KIND] = RECEIPT_VERIFIED;
    outgoing.words[at + SLOT_EXCHANGE] = exchange;
    outgoing.words[at + SLOT_ENTRY] = entry;
    outgoing.words[at + RECEIPT_ERROR] = error;
    outgoing.words[at + VERIFIED_MORE] = isLast ? 0 : 1;
    return true;
  }
}

const UNKNOWN_SERVER_ERROR = -1;

function isFacts(message: unknown): message is ConnectionFacts {
  return typeof message === 'object' && message !== null && 'connection' in message && 'localPort' in message;
}
