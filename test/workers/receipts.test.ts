import { describe, expect, test } from 'vitest';
import { AckGate } from '../../src/workers/ack-gate.ts';
import { Receipts } from '../../src/workers/receipts.ts';
import {
  APPENDED_BASE_OFFSET_NUMBER,
  RECEIPT_APPEND,
  RECEIPT_ERROR,
  SLOT_EXCHANGE,
  SLOT_WORDS,
} from '../../src/zerocopy/layout.ts';
import { Ring } from '../../src/zerocopy/ring.ts';

function ringPair(slots: number): { producer: Ring; consumer: Ring } {
  const memory = new SharedArrayBuffer(Ring.bytesFor(slots));
  return { producer: new Ring(memory), consumer: new Ring(memory) };
}

function take(ring: Ring): { exchange: number; error: number; baseOffset: number } | null {
  const slot = ring.peek();
  if (slot < 0) return null;
  const at = slot * SLOT_WORDS;
  const taken = {
    exchange: ring.words[at + SLOT_EXCHANGE]!,
    error: ring.words[at + RECEIPT_ERROR]!,
    baseOffset: ring.numbers[at / 2 + APPENDED_BASE_OFFSET_NUMBER]!,
  };
  ring.advance();
  return taken;
}

describe('receipts', () => {
  test('a full ring loses nothing and keeps the order, however much comes meanwhile', () => {
    const { producer, consumer } = ringPair(8);
    const receipts = new Receipts(producer);
    const wanted = 500;
    const seen: number[] = [];
    let sent = 0;
    while (seen.length < wanted) {
      for (let burst = 0; burst < 37 && sent < wanted; burst++) {
        receipts.begin(RECEIPT_APPEND, sent, 0, 0, 0);
        receipts.numbers[receipts.numberAt + APPENDED_BASE_OFFSET_NUMBER] = sent * 10;
        sent += 1;
      }
      receipts.drainOverflow();
      producer.publish();
      for (let read = 0; read < 5; read++) {
        const receipt = take(consumer);
        if (receipt === null) break;
        expect(receipt.baseOffset).toBe(receipt.exchange * 10);
        seen.push(receipt.exchange);
      }
      consumer.release();
    }
    expect(seen).toEqual(Array.from({ length: wanted }, (_, index) => index));
    expect(receipts.hasOverflow).toBe(false);
  });
});

describe('ack gate', () => {
  test('lets receipts go in offset order once the high watermark has passed them, and not before', () => {
    const { producer, consumer } = ringPair(1024);
    const gate = new AckGate([new Receipts(producer)]);
    for (let batch = 0; batch < 300; batch++) gate.hold(7, 0, batch, 0, (batch + 1) * 10, batch * 10, -1);
    gate.hold(8, 0, 9999, 0, 5, 0, -1);
    gate.open(7, 1005, 0);
    producer.publish();
    for (let batch = 0; batch < 100; batch++)
      expect(take(consumer)).toEqual({ exchange: batch, error: 0, baseOffset: batch * 10 });
    expect(take(consumer)).toBe(null);
    expect(gate.count).toBe(201);
    expect(gate.holds(8)).toBe(true);
  });

  test('answers everything that waits with the error when the log fails, and is empty afterwards', () => {
    const { producer, consumer } = ringPair(64);
    const gate = new AckGate([new Receipts(producer)]);
    gate.hold(1, 0, 1, 0, 10, 0, -1);
    gate.hold(1, 0, 2, 0, 20, 10, -1);
    gate.fail(1, 56);
    producer.publish();
    expect(take(consumer)).toEqual({ exchange: 1, error: 56, baseOffset: -1 });
    expect(take(consumer)).toEqual({ exchange: 2, error: 56, baseOffset: -1 });
    expect(gate.count).toBe(0);
    expect(gate.holds(1)).toBe(false);
  });
});
