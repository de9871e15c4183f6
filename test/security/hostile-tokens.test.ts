/**
 * Tokens that were good and then changed: cut, doubled, spliced, bits turned over. None may let anybody in, fail inside, or take
 * long, in any mechanism, and neither may frames around them.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRequestFrame } from '../../src/protocol/frame.ts';
import { Registry } from '../../src/protocol/registry.ts';
import { saslHandshake } from '../../src/protocol/schemas/17-sasl-handshake.ts';
import { saslAuthenticate } from '../../src/protocol/schemas/36-sasl-authenticate.ts';
import { credentialOf, SCRAM_SHA_256 } from '../../src/protocol/scram-keys.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { Login } from '../../src/security/login.ts';
import type { SaslMechanism } from '../../src/security/sasl-mechanism.ts';
import { SaslOauth } from '../../src/security/sasl-oauth.ts';
import { SaslPlain } from '../../src/security/sasl-plain.ts';
import { SaslScram } from '../../src/security/sasl-scram.ts';
import { SigningKeys } from '../../src/security/signing-keys.ts';

const RUNS = 400;
const salt = Buffer.from('salt');
const credential = credentialOf(SCRAM_SHA_256, { password: Buffer.from('salted'), salt, iterations: 4096 });

const plain = new SaslPlain(new Map([['alice', 'a long and good password']]));
const scram = new SaslScram({
  mechanism: SCRAM_SHA_256,
  credentialOf: (user) => (user === 'alice' ? credential : null),
  pretenceKey: () => salt,
  nonce: () => 'server',
});
const oauth = new SaslOauth({
  terms: {
    keysUrl: 'file:///nothing',
    keysRefreshMs: 1e9,
    retryMs: 1e9,
    retryMaxMs: 1e9,
    audiences: [],
    issuer: null,
    skewSeconds: 0,
    scopeClaim: 'scope',
    userClaim: 'sub',
  },
  keys: new SigningKeys({
    url: 'file:///nothing',
    refreshMs: 1e9,
    retryMs: 1e9,
    retryMaxMs: 1e9,
    nowMs: () => 0,
    warn: () => {},
  }),
  nowMs: () => 0,
});

const JWT = `${Buffer.from('{"alg":"RS256"}').toString('base64url')}.${Buffer.from('{"sub":"alice"}').toString('base64url')}.AAAA`;
const good = [
  '\0alice\0a long and good passwor',
  'n,a=alice,n=alice,r=abc,ext=1',
  `c=biws,r=abcserver,p=${Buffer.alloc(32).toString('base64')}`,
  `n,a=alice,\u0001auth=Bearer ${JWT}\u0001x=y\u0001\u0001`,
].map((text) => Buffer.from(text));

/** What somebody makes of a good token: several changes behind each other. */
const changed = fc
  .tuple(
    fc.constantFrom(...good),
    fc.array(
      fc.tuple(
        fc.constantFrom('cut', 'double', 'turn', 'splice', 'commas'),
        fc.nat(),
        fc.nat(),
        fc.constantFrom(...good),
      ),
      { minLength: 1, maxLength: 5 },
    ),
  )
  .map(([token, changes]) => changes.reduce(applied, token));

function applied(token: Buffer, [how, one, two, other]: [string, number, number, Buffer]): Buffer {
  const at = one % (token.length + 1);
  if (how === 'cut') return token.subarray(0, at);
  if (how === 'double') return Buffer.concat([token, token.subarray(at)]).subarray(0, 60_000);
  if (how === 'splice') return Buffer.concat([token.subarray(0, at), other.subarray(two % (other.length + 1))]);
  if (how === 'commas')
    return Buffer.concat([token.subarray(0, at), Buffer.alloc(two % 3000, 0x2c), token.subarray(at)]);
  const turned = Buffer.from(token);
  if (turned.length > 0) turned[one % turned.length] = (turned[one % turned.length] ?? 0) ^ (1 << (two % 8));
  return turned;
}

const mechanisms: readonly SaslMechanism[] = [plain, scram, oauth];

describe('a token that was changed', () => {
  for (const mechanism of mechanisms) {
    it(`lets nobody in by ${mechanism.name}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(changed, { minLength: 1, maxLength: 3 }), async (tokens) => {
          const conversation = mechanism.begin();
          for (const token of tokens) {
            const step = await conversation.take(token);
            expect(step.kind).not.toBe('done');
            if (step.kind === 'refused') return;
          }
        }),
        { numRuns: RUNS },
      );
    });
  }

  it('is harmless inside a frame, whichever frame comes before', async () => {
    const registry = new Registry([saslHandshake, saslAuthenticate]);
    const frame = (bytes: Uint8Array): Uint8Array => bytes.subarray(4);
    const handshake = (version: number, mechanism: string): Uint8Array => {
      const writer = new Writer(1 << 20);
      encodeRequestFrame(saslHandshake, version, 1, 'c', { mechanism }, writer);
      return frame(new Uint8Array(writer.written()));
    };
    const wrapped = (authBytes: Uint8Array): Uint8Array => {
      const writer = new Writer(1 << 20);
      encodeRequestFrame(saslAuthenticate, 2, 2, 'c', { authBytes }, writer);
      return frame(new Uint8Array(writer.written()));
    };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...mechanisms.map(({ name }) => name), 'NONE'),
        fc.nat({ max: 1 }),
        fc.array(changed, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (name, version, tokens, isWrapped) => {
          const login = new Login({
            mechanisms: new Map(mechanisms.map((one) => [one.name, one])),
            lifetimeMaxMs: () => 0,
            flexibleSince: registry.flexibleSince,
            answerVersions: () => Promise.resolve(null),
            answerIllegal: () => null,
            nowMs: () => 0,
          });
          const frames = [handshake(version, name), ...tokens.map((token) => (isWrapped ? wrapped(token) : token))];
          for (const one of frames) {
            const step = await login.take(one);
            expect(step.login).toBeNull();
            if (step.closes) return;
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});
