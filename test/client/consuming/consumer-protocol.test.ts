/** The bytes are what ConsumerProtocol of the Java client 4.3.1 wrote for the same subscription and assignment. */
import { expect, it } from 'vitest';
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '../../../src/client/consuming/consumer-protocol.ts';

const SUBSCRIPTION =
  '000300000002000161000162ffffffff0000000200016100000002000000000000000100016200000001000000020000000700027231';
const ASSIGNMENT = '0003000000020001610000000100000001000162000000020000000000000002ffffffff';

const subscription = {
  topics: ['a', 'b'],
  owned: [
    { topic: 'a', partition: 0 },
    { topic: 'a', partition: 1 },
    { topic: 'b', partition: 2 },
  ],
  generationId: 7,
  rackId: 'r1',
};
const assignment = [
  { topic: 'a', partition: 1 },
  { topic: 'b', partition: 0 },
  { topic: 'b', partition: 2 },
];

it('writes subscriptions and assignments as Java does', () => {
  expect(Buffer.from(encodeSubscription({ ...subscription, topics: ['b', 'a'] })).toString('hex')).toBe(SUBSCRIPTION);
  expect(Buffer.from(encodeAssignment(assignment)).toString('hex')).toBe(ASSIGNMENT);
});

it('reads what Java wrote', () => {
  expect(decodeSubscription(Buffer.from(SUBSCRIPTION, 'hex'))).toEqual(subscription);
  expect(decodeAssignment(Buffer.from(ASSIGNMENT, 'hex'))).toEqual(assignment);
});

it('reads older versions, which say less', () => {
  const old = Buffer.from('0000000000010001 61ffffffff'.replace(' ', ''), 'hex');
  expect(decodeSubscription(old)).toEqual({ topics: ['a'], owned: [], generationId: -1, rackId: null });
  expect(decodeAssignment(new Uint8Array(0))).toEqual([]);
});

it('refuses bytes that count more than they hold', () => {
  expect(() => decodeAssignment(Buffer.from('00037fffffff', 'hex'))).toThrow('more than its frame can hold');
});
