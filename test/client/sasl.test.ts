/** Logging in from the client's side, against the broker's own mechanisms, and against brokers that cheat. */
import { describe, expect, it } from 'vitest';
import { type Ask, logIn, type SaslOptions } from '../../src/client/sasl.ts';
import { credentialOf, newSalt, SCRAM_SHA_256, saltPassword } from '../../src/protocol/scram-keys.ts';
import type { SaslMechanism } from '../../src/security/sasl-mechanism.ts';
import { SaslPlain } from '../../src/security/sasl-plain.ts';
import { SaslScram } from '../../src/security/sasl-scram.ts';

const REFUSED = 58;

/** A broker with one mechanism; `twist` is what a cheat makes of its tokens. */
function brokerWith(mechanism: SaslMechanism, twist: (token: Uint8Array) => Uint8Array = (token) => token) {
  const conversation = mechanism.begin();
  const ask = async (api: { readonly key: number }, body: unknown): Promise<unknown> => {
    if (api.key === 17) return { errorCode: 0, mechanisms: [mechanism.name] };
    const { authBytes } = body as { authBytes: Uint8Array };
    const step = await conversation.take(authBytes);
    if (step.kind === 'refused')
      return { errorCode: REFUSED, errorMessage: step.message, authBytes: new Uint8Array(0) };
    const sessionLifetimeMs = step.kind === 'done' ? 5000 : 0;
    return { errorCode: 0, errorMessage: null, authBytes: twist(step.token), sessionLifetimeMs };
  };
  return ask as Ask;
}

async function scram() {
  const [salt, iterations] = [newSalt(), 4096];
  const password = await saltPassword(SCRAM_SHA_256, 'secret', salt, iterations);
  const credential = credentialOf(SCRAM_SHA_256, { password, salt, iterations });
  return new SaslScram({
    mechanism: SCRAM_SHA_256,
    credentialOf: (user) => (user === 'me' ? credential : null),
    pretenceKey: () => Buffer.from('key'),
  });
}

const me: SaslOptions = { mechanism: 'SCRAM-SHA-256', username: 'me', password: 'secret' };

describe('a client', () => {
  it('logs in by SCRAM and by PLAIN, and learns how long that is good for', async () => {
    expect(await logIn(brokerWith(await scram()), me)).toBe(5000);
    const plain = new SaslPlain(new Map([['me', 'secret']]));
    expect(await logIn(brokerWith(plain), { ...me, mechanism: 'PLAIN' })).toBe(5000);
  });

  it('is told when it is refused', async () => {
    await expect(logIn(brokerWith(await scram()), { ...me, password: 'wrong' })).rejects.toMatchObject({
      errorCode: REFUSED,
    });
    const none: Ask = async () => ({ errorCode: 33, mechanisms: ['PLAIN'] }) as never;
    await expect(logIn(none, me)).rejects.toThrow(/the broker offers PLAIN/);
  });

  it('does not believe a broker that cannot show that it knows the password', async () => {
    const forged = brokerWith(await scram(), (token) => {
      const text = Buffer.from(token).toString();
      return Buffer.from(text.startsWith('v=') ? `v=${Buffer.alloc(32).toString('base64')}` : text);
    });
    await expect(logIn(forged, me)).rejects.toThrow(/impostor/);
  });

  it('does no work without end for a broker, and takes no nonce that is not its own', async () => {
    const dear = brokerWith(await scram(), (token) =>
      Buffer.from(Buffer.from(token).toString().replace('i=4096', 'i=99999999')),
    );
    await expect(logIn(dear, me)).rejects.toThrow(/iterations/);
    const other = brokerWith(await scram(), (token) =>
      Buffer.from(Buffer.from(token).toString().replace(/^r=/, 'r=x')),
    );
    await expect(logIn(other, me)).rejects.toThrow(/does not keep to/);
  });
});
