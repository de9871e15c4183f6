/**
 * How a Produce comes to write the first batch of a transaction into a partition. The worker of the partition does not
 * know the transaction yet and gives the batch back (APPEND_UNVERIFIED); the front has main ask the transaction
 * coordinator, and sends what is allowed once more. Later batches of the transaction take the plain way.
 *
 *   sent ──some came back──> asking main ──allowed──> sent again        refused: that is the partition's answer
 *
 * The order of a producer holds although it may have five requests under way: while a request of a connection is being
 * verified, later transactional ones of the connection are not begun; and of those that were under way before anybody
 * knew, each waits here until the ones before it have been sent again. Workers give all of them back, since the
 * transaction begins only with a batch sent again.
 *
 * What the exchange remembers is in its `note` and its entries; the functions here are called by `00-produce.ts`.
 */
import { must } from '../base/assert.ts';
import { ENTRY_WORDS, type Exchange } from '../net/exchange.ts';
import type { FrontFace } from '../net/front-face.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  APPEND_FLAG_VERIFIED,
  APPEND_GUARD_MASK,
  APPEND_GUARD_SHIFT,
  APPEND_UNVERIFIED,
  RECEIPT_ERROR,
  SLOT_ENTRY,
} from '../zerocopy/layout.ts';

export const ENTRY_ERROR = 0;
/** Of an entry that came back: what it is to be sent again with. */
const ENTRY_GUARD = 3;
/** What main said about an entry that came back, or LATER. */
const ENTRY_VERDICT = 4;
/** It came back once more while others wait for room to be sent again: main is asked about it anew. No error has this number. */
const LATER = 0x7fff_ffff;

// The note: bits 0-1 acks + 1, then facts, then how often main was asked.
const ACKS_MASK = 3;
const NOTE_TRANSACTIONAL = 4;
/** Some entry came back and has not been sent again. */
const NOTE_RETURNED = 8;
/** Main has answered. */
const NOTE_ANSWERED = 16;
const NOTE_ROUND_SHIFT = 8;
/** A marker between the answer and the append makes another round; not so many in one request. */
const ROUNDS_MAX = 4;
const PRODUCE_KEY = 0;

export function noteOf(acks: number, isTransactional: boolean): number {
  return (acks + 1) | (isTransactional ? NOTE_TRANSACTIONAL : 0);
}

export function wantsNoAnswer(exchange: Exchange): boolean {
  return (exchange.note & ACKS_MASK) === 1;
}

export function isTransactional(exchange: Exchange): boolean {
  return (exchange.note & NOTE_TRANSACTIONAL) !== 0;
}

/** An earlier request of the connection is being verified: this one may not overtake it. */
export function mustHold(front: FrontFace, exchange: Exchange): boolean {
  for (
    let earlier = front.oldestBefore(exchange);
    earlier !== exchange;
    earlier = must(earlier.next, 'the order ends with the newest')
  ) {
    if (earlier.isData && earlier.apiKey === PRODUCE_KEY && (earlier.note & NOTE_RETURNED) !== 0) return true;
  }
  return false;
}

/** A worker gave a batch back. */
export function noteReturned(exchange: Exchange, entry: number, guard: number): void {
  exchange.words[entry * ENTRY_WORDS + ENTRY_GUARD] = guard;
  exchange.words[entry * ENTRY_WORDS + ENTRY_VERDICT] = isAnswered(exchange) ? LATER : 0;
  exchange.note |= NOTE_RETURNED;
}

export function hasReturned(exchange: Exchange): boolean {
  return (exchange.note & NOTE_RETURNED) !== 0;
}

export function isAnswered(exchange: Exchange): boolean {
  return (exchange.note & NOTE_ANSWERED) !== 0;
}

/** Main says something about one entry, or (-1) about all that came back. */
export function takeVerdict(exchange: Exchange, words: Int32Array, at: number): void {
  exchange.note |= NOTE_ANSWERED;
  const error = words[at + RECEIPT_ERROR]!;
  if (error === 0) return;
  const only = words[at + SLOT_ENTRY]!;
  for (let entry = 0; entry < exchange.entryCount; entry++) {
    if (only >= 0 && only !== entry) continue;
    const to = entry * ENTRY_WORDS;
    if (exchange.words[to + ENTRY_ERROR] === APPEND_UNVERIFIED) exchange.words[to + ENTRY_VERDICT] = error;
  }
}

/** False: main cannot be asked yet; call again next turn. */
export function ask(front: FrontFace, exchange: Exchange): boolean {
  const round = exchange.note >> NOTE_ROUND_SHIFT;
  if (round >= ROUNDS_MAX) {
    refuseReturned(exchange, errorCode.INVALID_TXN_STATE);
    return true;
  }
  if (isBehindUnclear(front, exchange) || !front.askMain(exchange)) return false;
  exchange.note += 1 << NOTE_ROUND_SHIFT;
  exchange.note &= ~NOTE_ANSWERED;
  for (let entry = 0; entry < exchange.entryCount; entry++) {
    if (isLater(exchange, entry)) exchange.words[entry * ENTRY_WORDS + ENTRY_VERDICT] = 0;
  }
  return true;
}

/** How an entry goes on after main's answer: flags to send it again with, or 0 when it is not to be sent (any more). */
export function flagsAgain(exchange: Exchange, entry: number): number {
  const at = entry * ENTRY_WORDS;
  if (exchange.words[at + ENTRY_ERROR] !== APPEND_UNVERIFIED || isLater(exchange, entry)) return 0;
  const verdict = exchange.words[at + ENTRY_VERDICT]!;
  if (verdict !== 0) {
    exchange.words[at + ENTRY_ERROR] = verdict;
    return 0;
  }
  return APPEND_FLAG_VERIFIED | ((exchange.words[at + ENTRY_GUARD]! & APPEND_GUARD_MASK) << APPEND_GUARD_SHIFT);
}

/** Everything that main was asked about has been sent again, or refused. */
export function endRound(exchange: Exchange): void {
  exchange.note &= ~(NOTE_RETURNED | NOTE_ANSWERED);
  for (let entry = 0; entry < exchange.entryCount; entry++) {
    if (isLater(exchange, entry)) exchange.note |= NOTE_RETURNED;
  }
}

function isLater(exchange: Exchange, entry: number): boolean {
  const at = entry * ENTRY_WORDS;
  return exchange.words[at + ENTRY_ERROR] === APPEND_UNVERIFIED && exchange.words[at + ENTRY_VERDICT] === LATER;
}

function refuseReturned(exchange: Exchange, error: number): void {
  for (let entry = 0; entry < exchange.entryCount; entry++) {
    const at = entry * ENTRY_WORDS;
    if (exchange.words[at + ENTRY_ERROR] === APPEND_UNVERIFIED) exchange.words[at + ENTRY_ERROR] = error;
  }
  endRound(exchange);
}

/** Of an earlier request jobs are out that may come back, or it is being verified: it has to be sent again first. */
function isBehindUnclear(front: FrontFace, exchange: Exchange): boolean {
  for (
    let earlier = front.oldestBefore(exchange);
    earlier !== exchange;
    earlier = must(earlier.next, 'the order ends with the newest')
  ) {
    if (!earlier.isData || earlier.apiKey !== PRODUCE_KEY) continue;
    if ((earlier.note & NOTE_RETURNED) !== 0) return true;
    const isFirstRound = earlier.note >> NOTE_ROUND_SHIFT === 0;
    if ((earlier.note & NOTE_TRANSACTIONAL) !== 0 && isFirstRound && earlier.pending > 0) return true;
  }
  return false;
}
