import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientProof,
  credentialOf,
  isProofGood,
  newSalt,
  SCRAM_SHA_256,
  SCRAM_SHA_512,
  saltPassword,
  serverSignature,
} from '../../src/protocol/scram-keys.ts';
import {
  authMessageOf,
  clientFinalWithoutProof,
  clientFirst,
  parseClientFinal,
  parseClientFirst,
  parseServerFinal,
  parseServerFirst,
  serverFirst,
} from '../../src/protocol/scram-messages.ts';

describe('SCRAM', () => {
  it('makes the proofs of the example in RFC 7677', async () => {
    const first = 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO';
    const answer = 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096';
    const parsed = parseServerFirst(answer);
    if (parsed === null) throw new Error('the example is a message');
    const salted = await saltPassword(SCRAM_SHA_256, 'pencil', parsed.salt, parsed.iterations);
    const withoutProof = clientFinalWithoutProof('n,,', parsed.nonce);
    const authMessage = authMessageOf(parseClientFirst(first)?.bare ?? '', answer, withoutProof);
    const proof = clientProof(SCRAM_SHA_256, salted, authMessage);
    expect(proof.toString('base64')).toBe('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=');
    const credential = credentialOf(SCRAM_SHA_256, { password: salted, salt: parsed.salt, iterations: 4096 });
    expect(isProofGood(SCRAM_SHA_256, credential, authMessage, proof)).toBe(true);
    expect(serverSignature(SCRAM_SHA_256, credential.serverKey, authMessage).toString('base64')).toBe(
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  it('knows a right proof from any other, in both mechanisms', async () => {
    for (const mechanism of [SCRAM_SHA_256, SCRAM_SHA_512]) {
      const salt = newSalt();
      const salted = await saltPassword(mechanism, 'secret', salt, 4096);
      const credential = credentialOf(mechanism, { password: salted, salt, iterations: 4096 });
      const proof = clientProof(mechanism, salted, 'said');
      expect(isProofGood(mechanism, credential, 'said', proof)).toBe(true);
      expect(isProofGood(mechanism, credential, 'said otherwise', proof)).toBe(false);
      for (let at = 0; at < proof.length; at++) {
        const changed = Buffer.from(proof);
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        expect(isProofGood(mechanism, credential, 'said', changed)).toBe(false);
      }
      expect(isProofGood(mechanism, credential, 'said', proof.subarray(1))).toBe(false);
      expect(isProofGood(mechanism, credential, 'said', Buffer.alloc(0))).toBe(false);
    }
  });

  it('escapes the two characters that a name may not have', () => {
    const { bare, header } = clientFirst('a=b,c', 'nonce');
    expect(bare).toBe('n=a=3Db=2Cc,r=nonce');
    expect(parseClientFirst(header + bare)).toMatchObject({ user: 'a=b,c', nonce: 'nonce', authorizationId: '' });
  });

  it('reads what clients write: an authorization id, extensions, a token', () => {
    expect(parseClientFirst('n,a=me,n=me,r=abc')).toMatchObject({ authorizationId: 'me', header: 'n,a=me,' });
    expect(parseClientFirst('n,,n=id,r=abc,tokenauth=true')).toMatchObject({ user: 'id', isToken: true });
    expect(parseClientFirst('n,,m=x,n=me,r=abc')).toMatchObject({ user: 'me', bare: 'm=x,n=me,r=abc' });
    expect(parseClientFinal('c=biws,r=abc,ext=1,p=AAAA')).toMatchObject({
      nonce: 'abc',
      withoutProof: 'c=biws,r=abc,ext=1',
    });
    expect(parseServerFinal('v=AAAA')).toEqual(Buffer.from([0, 0, 0]));
    expect(parseServerFinal('e=invalid-proof')).toBeNull();
  });

  it('takes no message that breaks the grammar', () => {
    const bad = [
      '',
      'n',
      'n,,',
      'y,,n=a,r=b',
      'p=tls-unique,,n=a,r=b',
      'n,b=x,n=a,r=b',
      'n,,n=,r=b',
      'n,,n=a,r=',
      'n,,r=b,n=a',
    ];
    const worse = ['n,,n=a=b,r=c', 'n,,n=a=2c,r=b', 'n,,n=a,r=b ', 'n,,n=a,r=b,', 'n,,n=a,r=b,x', 'n,,n=a\n,r=b'];
    for (const message of [...bad, ...worse]) expect(parseClientFirst(message), message).toBeNull();
    for (const message of [
      '',
      'c=biws',
      'c=biws,r=a',
      'c=b,r=a,p=AAAA',
      'c=biws,r=a,p=A',
      'c=biws,p=AAAA,r=a',
      'r=a,c=biws,p=AAAA',
    ])
      expect(parseClientFinal(message), message).toBeNull();
    for (const message of [
      '',
      'r=a,s=AAAA',
      'r=a,s=AAAA,i=0',
      'r=a,s=AAAA,i=-1',
      'r=a,s=AAAA,i=99999999999',
      's=AAAA,r=a,i=1',
    ])
      expect(parseServerFirst(message), message).toBeNull();
  });

  it('reads back what it writes', () => {
    const name = fc.string({ minLength: 1, unit: fc.constantFrom(...'ab=,é "\\'.replace('é', 'e')) });
    fc.assert(
      fc.property(
        name,
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 99_999 }),
        (user, salt, iterations) => {
          const first = clientFirst(user, 'nonce');
          expect(parseClientFirst(first.header + first.bare)).toEqual(first);
          const answer = { nonce: 'nonce', salt: Buffer.from(salt), iterations };
          expect(parseServerFirst(serverFirst(answer))).toEqual(answer);
        },
      ),
    );
  });
});
