import { expect, it } from 'vitest';
import { addressOverrides, addressOverridesOf } from '../../src/config/address-overrides.ts';

it('limits of addresses are read in every form in which an address is written', () => {
  const text = '10.0.0.7:100, [2001:DB8:0:0::1]:5,::1:3,0.0.0.0:0';
  expect(addressOverrides.test.test(text)).toBe(true);
  expect([...addressOverridesOf(text)]).toEqual([
    ['10.0.0.7', 100],
    ['2001:db8::1', 5],
    ['::1', 3],
    ['0.0.0.0', 0],
  ]);
  expect(addressOverridesOf('').size).toBe(0);
});

it.each(['somewhere:5', '10.0.0.7', '10.0.0.7:', '10.0.0.7:-1', '10.0.0.7:5,', '10.0.0.7:5;10.0.0.8:5'])(
  '"%s" is no such list',
  (text) => {
    expect(addressOverrides.test.test(text)).toBe(false);
  },
);
