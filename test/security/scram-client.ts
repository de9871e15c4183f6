/** The client's half of SCRAM for tests of the broker's, over whatever carries the tokens. */
import { clientProof, type ScramMechanism, saltPassword } from '../../src/protocol/scram-keys.ts';
import {
  authMessageOf,
  clientFinalWithoutProof,
  clientFirst,
  parseServerFirst,
} from '../../src/protocol/scram-messages.ts';

export async function scramTalk(
  mechanism: ScramMechanism,
  user: string,
  password: string,
  send: (token: Uint8Array) => Promise<Uint8Array>,
): Promise<{ readonly first: string; readonly last: string }> {
  const first = clientFirst(user, 'fyko+d2lbbFgONRv9qkxdawL');
  const answer = Buffer.from(await send(Buffer.from(first.header + first.bare))).toString();
  const parsed = parseServerFirst(answer);
  if (parsed === null) throw new Error(`no first message of a broker: ${answer}`);
  const salted = await saltPassword(mechanism, password, parsed.salt, parsed.iterations);
  const withoutProof = clientFinalWithoutProof(first.header, parsed.nonce);
  const proof = clientProof(mechanism, salted, authMessageOf(first.bare, answer, withoutProof));
  const last = await send(Buffer.from(`${withoutProof},p=${proof.toString('base64')}`));
  return { first: answer, last: Buffer.from(last).toString() };
}
