import { describe, expect, test } from 'vitest';
import { anonymousOf, ruleHost } from '../../src/net/identity.ts';

describe('the identity of a connection', () => {
  test('a client that said nothing is User:ANONYMOUS, with its address without a port', () => {
    expect(anonymousOf('10.0.0.7', 'PLAINTEXT')).toEqual({
      principal: 'User:ANONYMOUS',
      host: '10.0.0.7',
      listener: 'PLAINTEXT',
    });
  });

  test.each([
    ['10.0.0.7', '10.0.0.7'],
    ['[::1]', '0:0:0:0:0:0:0:1'],
    ['::', '0:0:0:0:0:0:0:0'],
    ['[2001:DB8::00a0:1]', '2001:db8:0:0:0:0:a0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['fe80::', 'fe80:0:0:0:0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1%eth0'],
    ['unknown', 'unknown'],
  ])('rules name the host of %s as %s', (address, host) => {
    expect(ruleHost(address)).toBe(host);
  });
});
