import { describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/transactions/transaction.ts';
import { decodeKey, decodeValue, encodeKey, encodeValue } from '../../src/transactions/transaction-records.ts';

const empty: Transaction = {
  transactionalId: 'transfer',
  producerId: 7,
  previousProducerId: -1,
  nextProducerId: -1,
  producerEpoch: 0,
  lastProducerEpoch: -1,
  timeoutMs: 60_000,
  status: 'Empty',
  partitions: new Map(),
  startMs: -1,
  updatedMs: 1_700_000_000_000,
  clientVersion: 0,
  isDoubtful: false,
};

const ongoing: Transaction = {
  ...empty,
  previousProducerId: 7,
  producerEpoch: 5,
  status: 'Ongoing',
  partitions: new Map([['orders', new Set([3])]]),
  startMs: 1_700_000_000_001,
  updatedMs: 1_700_000_000_002,
  clientVersion: 2,
};

const rotating: Transaction = {
  ...ongoing,
  nextProducerId: 90,
  producerEpoch: 32_767,
  status: 'PrepareCommit',
  updatedMs: 1_700_000_000_003,
};

// Written by TransactionLog of Apache Kafka 4.3.1 from the same facts.
const kafkaKey = '000000087472616e73666572';
const kafkaValues = [
  [empty, '0001000000000000000700000000ea6000000000018bcfe56800ffffffffffffffff00'],
  [
    ongoing,
    '0001000000000000000700050000ea600102076f72646572730200000003000000018bcfe568020000018bcfe56801020008000000000000000702020002',
  ],
  [
    rotating,
    '000100000000000000077fff0000ea600202076f72646572730200000003000000018bcfe568030000018bcfe5680103000800000000000000070108000000000000005a02020002',
  ],
] as const;

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

describe('records of transactions', () => {
  it('are the bytes that Kafka writes', () => {
    expect(hexOf(encodeKey('transfer'))).toBe(kafkaKey);
    for (const [transaction, hex] of kafkaValues) expect(hexOf(encodeValue(transaction))).toBe(hex);
  });

  it('are read as Kafka wrote them, but for the last epoch, which nobody writes down', () => {
    expect(decodeKey(Buffer.from(kafkaKey, 'hex'))).toBe('transfer');
    for (const [transaction, hex] of kafkaValues) {
      expect(decodeValue('transfer', Buffer.from(hex, 'hex'))).toEqual(transaction);
    }
  });

  it('say of a producer in doubt that it is, in a field that whoever does not know it passes over', () => {
    const doubtful = { ...ongoing, isDoubtful: true };
    const [, [, known]] = kafkaValues;
    // One tagged field more, behind those of Kafka.
    const more = `${known.replace(/02(0008000000000000000702020002)$/, '03$1')}904e0101`;
    expect(hexOf(encodeValue(doubtful))).toBe(more);
    expect(decodeValue('transfer', Buffer.from(more, 'hex'))).toEqual(doubtful);
  });

  it('of older brokers are read', () => {
    // Version 0: no tagged fields, and texts and lists with long lengths.
    const old = '0000000000000000000700050000ea6001000000010006' + '6f7264657273' + '0000000100000003';
    const times = '0000018bcfe568020000018bcfe56801';
    const expected = { ...ongoing, previousProducerId: -1, clientVersion: 0 };
    expect(decodeValue('transfer', Buffer.from(old + times, 'hex'))).toEqual(expected);
  });

  it('with keys of other kinds are passed over, and broken ones are faults', () => {
    expect(decodeKey(Buffer.from('000100087472616e73666572', 'hex'))).toBeNull();
    expect(() => decodeValue('transfer', Buffer.from('00010000', 'hex'))).toThrow();
    expect(() => decodeValue('transfer', Buffer.from('0009', 'hex'))).toThrow();
    const dead = kafkaValues[0][1].replace('ea6000', 'ea6006');
    expect(() => decodeValue('transfer', Buffer.from(dead, 'hex'))).toThrow('no transaction is written down');
  });
});
