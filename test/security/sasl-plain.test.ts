import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SaslPlain } from '../../src/security/sasl-plain.ts';

const plain = new SaslPlain(
  new Map([
    ['alice', 'wonder'],
    ['bob', 'büilder'],
  ]),
);
const say = (text: string) => plain.begin().take(Buffer.from(text, 'utf8'));
const INVALID = 'Authentication failed: Invalid username or password';

describe('PLAIN', () => {
  it('knows users by their passwords', () => {
    expect(say('\0alice\0wonder')).toMatchObject({ kind: 'done', user: 'alice', expiresMs: null });
    expect(say('\0bob\0büilder')).toMatchObject({ kind: 'done', user: 'bob' });
    expect(say('alice\0alice\0wonder')).toMatchObject({ kind: 'done', user: 'alice' });
  });

  it('refuses a wrong password and an unknown user in the same words', () => {
    for (const text of [
      '\0alice\0wonde',
      '\0alice\0wonder2',
      '\0eve\0wonder',
      '\0alice\0büilder',
      'bob\0alice\0wrong',
    ]) {
      expect(say(text)).toMatchObject({ kind: 'refused', message: INVALID });
    }
  });

  it('lets nobody act for another', () => {
    expect(say('bob\0alice\0wonder')).toMatchObject({
      kind: 'refused',
      message: 'Authentication failed: Client requested an authorization id that is different from username',
    });
  });

  it('says nothing to what does not keep to the protocol', () => {
    for (const text of [
      '',
      '\0',
      '\0\0',
      'alice',
      '\0alice',
      '\0alice\0',
      '\0\0wonder',
      '\0alice\0wonder\0',
      `\0alice\0${'x'.repeat(5000)}`,
    ]) {
      expect(say(text), JSON.stringify(text.slice(0, 20))).toMatchObject({ kind: 'refused', message: null });
    }
  });

  it('lets no random token in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (token) => {
        expect(plain.begin().take(token)).toMatchObject({ kind: 'refused' });
      }),
    );
  });
});
