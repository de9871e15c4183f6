/** What the ledgers of the crash programme let pass, and what they do not. */
import { describe, expect, it } from 'vitest';
import { OutcomeLedger } from './outcome-ledger.ts';
import { TransactionLedger } from './transaction-ledger.ts';

describe('a ledger of outcomes', () => {
  it('takes what was acknowledged, or what was under way, and nothing else', () => {
    const ledger = new OutcomeLedger<string | null>(null);
    ledger.begin('a', 'first');
    expect(ledger.isSettled('a')).toBe(false);
    ledger.acknowledged('a', 'first');
    ledger.begin('a', 'second');
    expect(ledger.check('a', 'third')).toBe('a is "third"; acknowledged was "first", or "second"');
    expect(ledger.check('a', null)).toContain('a is null');
    expect(ledger.check('a', 'second')).toBeNull();
  });

  it('holds on to what was seen once', () => {
    const ledger = new OutcomeLedger<string | null>(null);
    ledger.acknowledged('a', 'first');
    ledger.begin('a', 'second');
    expect(ledger.check('a', 'second')).toBeNull();
    expect(ledger.check('a', 'first')).toContain('acknowledged was "second"');
  });

  it('misses what is gone and asks where strangers come from', () => {
    const ledger = new OutcomeLedger<string | null>(null);
    ledger.acknowledged('a', 'first');
    expect(ledger.checkAll(new Map([['b', 'stranger']]))).toHaveLength(2);
  });
});

describe('a ledger of transactions', () => {
  function ledgerWith(state: 'open' | 'committing' | 'committed' | 'aborted'): TransactionLedger {
    const ledger = new TransactionLedger();
    const fact = ledger.begin('id', 0);
    fact.count = 2;
    fact.hasOffset = true;
    fact.state = state;
    return ledger;
  }
  const claim = (index: number, number = 0) => ({ id: 'id', number, index });

  it('takes a commit whole, and misses a part of it', () => {
    expect(ledgerWith('committed').check([claim(0), claim(1)])).toEqual([]);
    expect(ledgerWith('committed').check([claim(0)])).toEqual(['transaction id 0 (committed) has 1 of its 2 records']);
    expect(ledgerWith('committed').check([claim(0), claim(1), claim(1)])).toContain(
      'record 1 of transaction id 0 is there twice',
    );
  });

  it('takes all or nothing of one that was under way, and remembers which', () => {
    const came = ledgerWith('committing');
    expect(came.check([claim(0), claim(1)])).toEqual([]);
    expect(came.offsetOf('id')).toBe(0);
    const went = ledgerWith('committing');
    expect(went.check([])).toEqual([]);
    expect(went.offsetOf('id')).toBe(-1);
    expect(went.check([claim(0), claim(1)])).toHaveLength(1);
    expect(ledgerWith('committing').check([claim(1)])).toHaveLength(1);
  });

  it('wants nothing to be seen of what was aborted or left open, and knows all there are', () => {
    expect(ledgerWith('aborted').check([claim(0)])).toHaveLength(1);
    expect(ledgerWith('open').check([claim(0)])).toHaveLength(1);
    expect(ledgerWith('open').check([])).toEqual([]);
    expect(ledgerWith('open').check([claim(0, 7)])).toContain('a record of transaction id 7, which there was not');
  });
});
