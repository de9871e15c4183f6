/**
 * What a front counts for the metrics: requests and answers by API, the last stage of a produce by partition, and how full
 * the front is. Shared memory, the front writes, main reads when somebody asks. Without an HTTP side there is no such
 * object and nothing is counted.
 *
 * The clock (the one that all threads share) is read when the first request of a turn is begun and when the first answer of
 * a turn is settled: once each, however many there are.
 *
 *   row of an API:  [ tally of 24 buckets │ sum │ requests │ errors │ bytes in │ bytes out │ throttled │ throttle ms │ – ]
 */
import { assert } from '../base/assert.ts';
import { API_KEYS_MAX } from '../protocol/registry.ts';
import type { TallyParts } from '../workers/shared-parts.ts';
import {
  FRONT_STAGES,
  STAGE_BUCKETS,
  STAGE_RESPOND,
  StageBoard,
  stageBoardBytes,
  WORKER_STAGES,
} from '../zerocopy/stage-board.ts';
import { bucketOf, microsecondsOf } from '../zerocopy/tally.ts';
import type { Exchange } from './exchange.ts';

export const API_BUCKETS = 24;
/** First bound 16 µs, last 67 s: long polls and joins wait. */
export const API_SHIFT = 4;
const API_ROW = 32;
const API_SUM = API_BUCKETS;
const API_REQUESTS = API_BUCKETS + 1;
const API_ERRORS = API_BUCKETS + 2;
const API_BYTES_IN = API_BUCKETS + 3;
const API_BYTES_OUT = API_BUCKETS + 4;
const API_THROTTLED = API_BUCKETS + 5;
const API_THROTTLE_MS = API_BUCKETS + 6;

const GAUGES = API_KEYS_MAX * API_ROW;
const GAUGE_CONNECTIONS = GAUGES;
const GAUGE_ACCEPTED = GAUGES + 1;
const GAUGE_PARKED = GAUGES + 2;
const GAUGE_EXCHANGES = GAUGES + 3;
const GAUGE_RECEIVE_BYTES = GAUGES + 4;
const GAUGE_RESPONSE_BYTES = GAUGES + 5;
const GAUGE_DELAYED = GAUGES + 6;
const GAUGE_REFUSED_ADDRESS = GAUGES + 7;
const GAUGE_REFUSED_RATE = GAUGES + 8;
const GAUGE_IDLE_CLOSED = GAUGES + 9;
const GAUGE_SEAT = GAUGES + 10;
const GAUGE_SEAT_MOVES = GAUGES + 11;
const NUMBERS = GAUGES + 16;
const UNREAD = 0;

export interface ApiFigures {
  /** Of `API_BUCKETS`, and the sum in µs behind them. */
  readonly tally: Float64Array;
  readonly requests: number;
  readonly errors: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly throttled: number;
  readonly throttleMs: number;
}

export interface FrontFigures {
  readonly connections: number;
  readonly accepted: number;
  /** Made to wait by max.connections or max.connection.creation.rate, of all or of a listener. */
  readonly delayed: number;
  /** Closed because their address has too many, or because they came too fast from it. */
  readonly refusedByAddress: number;
  readonly refusedByRate: number;
  readonly idleClosed: number;
  readonly parked: number;
  readonly exchanges: number;
  readonly receiveBytes: number;
  readonly responseBytes: number;
  /** The processor its thread keeps to; -1: none. */
  readonly seat: number;
  /** How often it took one. */
  readonly seatMoves: number;
}

export interface FrontTallyMemory {
  readonly counts: SharedArrayBuffer;
  readonly stages: SharedArrayBuffer;
}

function createFrontTallyMemory(slotCount: number): FrontTallyMemory {
  return {
    counts: new SharedArrayBuffer(NUMBERS * 8),
    stages: new SharedArrayBuffer(stageBoardBytes(slotCount, FRONT_STAGES)),
  };
}

/** All that threads count in, for so many partition slots. */
export function createTallyParts(slotCount: number, fronts: number): TallyParts {
  return {
    stages: new SharedArrayBuffer(stageBoardBytes(slotCount, WORKER_STAGES)),
    fronts: Array.from({ length: fronts }, () => createFrontTallyMemory(slotCount)),
  };
}

export class FrontTallies {
  readonly stages: StageBoard;
  private readonly numbers: Float64Array;
  private readonly clock: () => number;
  private readMs = UNREAD;
  private answerMs = UNREAD;
  // What was worked out last, for as long as the turn and the time are the same.
  private answerReadMs = UNREAD;
  private answerBucket = 0;
  private answerUs = 0;
  private doneMs = UNREAD;
  private respondBucket = 0;
  private respondUs = 0;

  constructor(memory: FrontTallyMemory, clock: () => number) {
    this.numbers = new Float64Array(memory.counts);
    assert(this.numbers.length === NUMBERS, 'a front counts in a table of its own size');
    this.stages = new StageBoard(memory.stages, FRONT_STAGES);
    this.clock = clock;
  }

  // ── the front ─────────────────────────────────────────────────────────────────────────────────────────────────────

  beginTurn(): void {
    this.readMs = UNREAD;
    this.answerMs = UNREAD;
    this.answerReadMs = UNREAD;
    this.doneMs = UNREAD;
  }

  /** When the requests of this turn were read. */
  turnMs(): number {
    if (this.readMs === UNREAD) this.readMs = this.clock();
    return this.readMs;
  }

  /** A whole request of a known API. */
  begun(exchange: Exchange): void {
    const row = rowOf(exchange.apiKey);
    this.numbers[row + API_REQUESTS]! += 1;
    this.numbers[row + API_BYTES_IN]! += exchange.frameLength;
    exchange.readMs = this.turnMs();
  }

  /** Its response, or the last of it, is on the way to the socket. */
  answered(exchange: Exchange, bytes: number): void {
    const row = rowOf(exchange.apiKey);
    // Requests of one turn are answered in one turn, mostly.
    if (exchange.readMs !== this.answerReadMs) {
      this.answerReadMs = exchange.readMs;
      this.answerUs = microsecondsOf(this.answeredMs() - exchange.readMs);
      this.answerBucket = bucketOf(this.answerUs, API_BUCKETS, API_SHIFT);
    }
    this.numbers[row + this.answerBucket]! += 1;
    this.numbers[row + API_SUM]! += this.answerUs;
    this.numbers[row + API_BYTES_OUT]! += bytes;
    if (exchange.hasErrors) this.numbers[row + API_ERRORS]! += 1;
    if (exchange.throttleMs <= 0) return;
    this.numbers[row + API_THROTTLED]! += 1;
    this.numbers[row + API_THROTTLE_MS]! += exchange.throttleMs;
  }

  /** A piece of a long response, before its last. */
  sent(apiKey: number, bytes: number): void {
    this.numbers[rowOf(apiKey) + API_BYTES_OUT]! += bytes;
  }

  /** The append of one partition is answered; `doneMs` as its receipt told it. */
  responded(slot: number, doneMs: number): void {
    if (doneMs === UNREAD) return;
    if (doneMs !== this.doneMs) {
      this.doneMs = doneMs;
      this.respondUs = microsecondsOf(this.answeredMs() - doneMs);
      this.respondBucket = bucketOf(this.respondUs, STAGE_BUCKETS, this.stages.shiftOf(STAGE_RESPOND));
    }
    this.stages.countIn(slot, STAGE_RESPOND, this.respondBucket, this.respondUs);
  }

  accepted(): void {
    this.numbers[GAUGE_ACCEPTED]! += 1;
  }

  delayed(): void {
    this.numbers[GAUGE_DELAYED]! += 1;
  }

  refusedByAddress(): void {
    this.numbers[GAUGE_REFUSED_ADDRESS]! += 1;
  }

  refusedByRate(): void {
    this.numbers[GAUGE_REFUSED_RATE]! += 1;
  }

  idleClosed(): void {
    this.numbers[GAUGE_IDLE_CLOSED]! += 1;
  }

  show(connections: number, parked: number, exchanges: number, receiveBytes: number, responseBytes: number): void {
    this.numbers[GAUGE_CONNECTIONS] = connections;
    this.numbers[GAUGE_PARKED] = parked;
    this.numbers[GAUGE_EXCHANGES] = exchanges;
    this.numbers[GAUGE_RECEIVE_BYTES] = receiveBytes;
    this.numbers[GAUGE_RESPONSE_BYTES] = responseBytes;
  }

  seated(processor: number, moves: number): void {
    // Memory begins with zeros, which is no seat.
    this.numbers[GAUGE_SEAT] = processor + 1;
    this.numbers[GAUGE_SEAT_MOVES] = moves;
  }

  private answeredMs(): number {
    if (this.answerMs === UNREAD) this.answerMs = this.clock();
    return this.answerMs;
  }

  // ── main ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  figuresOf(apiKey: number): ApiFigures {
    const { numbers } = this;
    const row = rowOf(apiKey);
    return {
      tally: numbers.slice(row, row + API_BUCKETS + 1),
      requests: numbers[row + API_REQUESTS]!,
      errors: numbers[row + API_ERRORS]!,
      bytesIn: numbers[row + API_BYTES_IN]!,
      bytesOut: numbers[row + API_BYTES_OUT]!,
      throttled: numbers[row + API_THROTTLED]!,
      throttleMs: numbers[row + API_THROTTLE_MS]!,
    };
  }

  get figures(): FrontFigures {
    const { numbers } = this;
    return {
      connections: numbers[GAUGE_CONNECTIONS]!,
      accepted: numbers[GAUGE_ACCEPTED]!,
      delayed: numbers[GAUGE_DELAYED]!,
      refusedByAddress: numbers[GAUGE_REFUSED_ADDRESS]!,
      refusedByRate: numbers[GAUGE_REFUSED_RATE]!,
      idleClosed: numbers[GAUGE_IDLE_CLOSED]!,
      parked: numbers[GAUGE_PARKED]!,
      exchanges: numbers[GAUGE_EXCHANGES]!,
      receiveBytes: numbers[GAUGE_RECEIVE_BYTES]!,
      responseBytes: numbers[GAUGE_RESPONSE_BYTES]!,
      seat: numbers[GAUGE_SEAT]! - 1,
      seatMoves: numbers[GAUGE_SEAT_MOVES]!,
    };
  }
}

function rowOf(apiKey: number): number {
  assert(apiKey >= 0 && apiKey < API_KEYS_MAX, 'a counted request is of a known API');
  return apiKey * API_ROW;
}
