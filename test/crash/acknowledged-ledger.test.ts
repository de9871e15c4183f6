import { expect, it } from 'vitest';
import type { BatchRecord } from '../../src/protocol/records.ts';
import { AcknowledgedLedger, valueOfName } from './acknowledged-ledger.ts';

function recordsOf(names: readonly number[]): BatchRecord[] {
  return names.map((name, offset) => ({
    offset,
    timestamp: 0,
    key: Buffer.from(String(name)),
    value: valueOfName(name),
    headers: [],
  }));
}

function ledgerWithTwoBatches(): AcknowledgedLedger {
  const ledger = new AcknowledgedLedger(1);
  ledger.sent(0, 0, 2).baseOffset = 0;
  ledger.sent(0, 2, 2).baseOffset = 2;
  return ledger;
}

it('is content with what was acknowledged, and with a batch nobody heard of again', () => {
  const ledger = ledgerWithTwoBatches();
  ledger.sent(0, 4, 1);
  expect(ledger.check(0, recordsOf([0, 1, 2, 3]))).toEqual([]);
  expect(ledger.check(0, recordsOf([0, 1, 2, 3, 4]))).toEqual([]);
});

it('sees an acknowledged record that is gone', () => {
  expect(ledgerWithTwoBatches().check(0, recordsOf([0, 1, 2]))).toEqual(['record 3, acknowledged at 3, is gone']);
});

it('sees a record that is there twice', () => {
  expect(ledgerWithTwoBatches().check(0, recordsOf([0, 1, 2, 3, 3]))).toContain(
    'record 3 is at offset 3 and again at 4',
  );
});

it('sees a record at another offset than the acknowledged one', () => {
  expect(ledgerWithTwoBatches().check(0, recordsOf([0, 1, 3, 2]))).toContain('record 2, acknowledged at 2, is at 3');
});

it('sees an unacknowledged record that moves between two looks', () => {
  const ledger = new AcknowledgedLedger(1);
  ledger.sent(0, 0, 1);
  ledger.sent(0, 1, 1);
  expect(ledger.check(0, recordsOf([0, 1]))).toEqual([]);
  expect(ledger.check(0, recordsOf([1, 0]))).toContain('record 1 moved from 1 to 0');
});

it('sees changed bytes and holes', () => {
  const [first, second] = recordsOf([0, 1]);
  if (first === undefined || second === undefined) throw new Error('two records were made');
  const changed = { ...second, value: Buffer.from('else') };
  const ledger = new AcknowledgedLedger(1);
  expect(ledger.check(0, [first, changed])).toEqual(['the record at offset 1 has changed bytes']);
  expect(new AcknowledgedLedger(1).check(0, [first, { ...second, offset: 5 }])).toEqual([
    'offset 5 comes where 1 is due',
  ]);
});
