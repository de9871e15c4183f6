import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  credentialOf,
  newSalt,
  SCRAM_SHA_256,
  SCRAM_SHA_512,
  type ScramCredential,
  type ScramMechanism,
  saltPassword,
} from '../../src/protocol/scram-keys.ts';
import { parseServerFirst } from '../../src/protocol/scram-messages.ts';
import type { SaslStep } from '../../src/security/sasl-mechanism.ts';
import { SaslScram } from '../../src/security/sasl-scram.ts';
import { scramTalk } from './scram-client.ts';

async function saslOf(mechanism: ScramMechanism, iterations = 4096) {
  const users = new Map<string, ScramCredential>();
  const salt = newSalt();
  const password = await saltPassword(mechanism, 'pencil', salt, iterations);
  users.set('user', credentialOf(mechanism, { password, salt, iterations }));
  return new SaslScram({
    mechanism,
    credentialOf: (user) => users.get(user) ?? null,
    pretenceKey: () => Buffer.from('secret of this broker'),
  });
}

async function talk(sasl: SaslScram, mechanism: ScramMechanism, user: string, password: string): Promise<SaslStep> {
  const conversation = sasl.begin();
  let last: SaslStep = { kind: 'refused', message: 'nothing was said', reason: null };
  await scramTalk(mechanism, user, password, async (token) => {
    last = await conversation.take(token);
    return last.kind === 'refused' ? Buffer.alloc(0) : last.token;
  });
  return last;
}

describe('SCRAM on the broker', () => {
  it('knows users by their proofs, in both mechanisms', async () => {
    for (const mechanism of [SCRAM_SHA_256, SCRAM_SHA_512]) {
      const sasl = await saslOf(mechanism, 8192);
      expect(await talk(sasl, mechanism, 'user', 'pencil')).toMatchObject({
        kind: 'done',
        user: 'user',
        expiresMs: null,
      });
      expect(await talk(sasl, mechanism, 'user', 'pen')).toEqual({ kind: 'refused', message: null, reason: null });
    }
  });

  it('treats a name that nobody has as one with a wrong password', async () => {
    const sasl = await saslOf(SCRAM_SHA_256);
    const firstOf = async (user: string) => {
      const step = await sasl.begin().take(Buffer.from(`n,,n=${user},r=abc`));
      if (step.kind !== 'challenge') throw new Error('there is a salt for anybody');
      return parseServerFirst(Buffer.from(step.token).toString());
    };
    const [known, unknown, again, other] = [
      await firstOf('user'),
      await firstOf('eve'),
      await firstOf('eve'),
      await firstOf('mallory'),
    ];
    expect(unknown?.salt).toEqual(again?.salt);
    expect(unknown?.salt).not.toEqual(other?.salt);
    expect(unknown?.salt.length).toBe(known?.salt.length);
    expect(unknown?.iterations).toBe(known?.iterations);
    expect(unknown?.salt.toString()).toMatch(/^[0-9a-z]{26}$/);
    expect(await talk(sasl, SCRAM_SHA_256, 'eve', 'pencil')).toEqual(await talk(sasl, SCRAM_SHA_256, 'user', 'pen'));
  });

  it('takes no nonce but its own, no other channel binding, and no message twice', async () => {
    const sasl = await saslOf(SCRAM_SHA_256);
    const begin = async () => {
      const conversation = sasl.begin();
      const step = await conversation.take(Buffer.from('n,,n=user,r=abc'));
      if (step.kind !== 'challenge') throw new Error('it goes on');
      return { conversation, nonce: parseServerFirst(Buffer.from(step.token).toString())?.nonce ?? '' };
    };
    const one = await begin();
    expect(one.nonce.startsWith('abc')).toBe(true);
    const proof = Buffer.alloc(32).toString('base64');
    expect(await one.conversation.take(Buffer.from(`c=biws,r=abc,p=${proof}`))).toMatchObject({ kind: 'refused' });
    // As librdkafka before 2.6.1 sends it; Kafka 4 refuses that as well. The log says so, the client is told what everybody is.
    const old = await begin();
    expect(await old.conversation.take(Buffer.from(`c=biws,r=abc${old.nonce},p=${proof}`))).toMatchObject({
      kind: 'refused',
      message: null,
      reason: expect.stringContaining('librdkafka before 2.6.1'),
    });
    const two = await begin();
    expect(two.nonce).not.toBe(one.nonce);
    expect(await two.conversation.take(Buffer.from(`c=biwsAAAA,r=${two.nonce},p=${proof}`))).toMatchObject({
      kind: 'refused',
    });
    expect(await two.conversation.take(Buffer.from('n,,n=user,r=abc'))).toMatchObject({ kind: 'refused' });
  });

  it('lets nobody act for another, and knows no delegation tokens', async () => {
    const sasl = await saslOf(SCRAM_SHA_256);
    expect(await sasl.begin().take(Buffer.from('n,a=bob,n=user,r=abc'))).toMatchObject({
      kind: 'refused',
      message: 'Authentication failed: Client requested an authorization id that is different from username',
    });
    expect(await sasl.begin().take(Buffer.from('n,,n=user,r=abc,tokenauth=true'))).toMatchObject({
      kind: 'refused',
      message: null,
    });
  });

  it('refuses any other bytes, in either place', async () => {
    const sasl = await saslOf(SCRAM_SHA_256);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.constant(new Uint8Array(5000))), async (token) => {
        expect(await sasl.begin().take(token)).toMatchObject({ kind: 'refused' });
        const conversation = sasl.begin();
        await conversation.take(Buffer.from('n,,n=user,r=abc'));
        expect(await conversation.take(token)).toMatchObject({ kind: 'refused' });
      }),
    );
  });
});
