/**
 * Logging in to a broker (SASL) from the client's side: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER over
 * SaslHandshake and SaslAuthenticate. `Connection` calls it when it opens, and again before what was shown expires. Knows no
 * socket: it is given a way to ask the broker.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { Fault } from '../base/fault.ts';
import type { Api } from '../protocol/api.ts';
import { saslHandshake } from '../protocol/schemas/17-sasl-handshake.ts';
import { saslAuthenticate } from '../protocol/schemas/36-sasl-authenticate.ts';
import {
  clientProof,
  type ScramMechanism,
  saltPassword,
  scramOf,
  serverKeyOf,
  serverSignature,
} from '../protocol/scram-keys.ts';
import {
  authMessageOf,
  clientFinalWithoutProof,
  clientFirst,
  parseServerFinal,
  parseServerFirst,
} from '../protocol/scram-messages.ts';
import { checkAnswer } from './answer-error.ts';

export type SaslOptions =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'OAUTHBEARER';
      /** Asked for a token at every login. */
      readonly token: () => string | Promise<string>;
    };

/** Asks the broker, which answers in order. */
export type Ask = <RequestInput, Response>(
  api: Api<unknown, RequestInput, Response, unknown>,
  body: RequestInput,
) => Promise<Response>;

/** One token to the broker, one back. */
type Say = (token: Uint8Array) => Promise<Uint8Array>;

const ITERATIONS_MAX = 1_000_000;
const NONCE_BYTES = 24;
const HEARD = Buffer.from([1]);

/** How long the login is good for; 0: as long as the connection. Throws AnswerError when the broker refuses. */
export async function logIn(ask: Ask, options: SaslOptions): Promise<number> {
  const { mechanism } = options;
  const handshake = await ask(saslHandshake, { mechanism });
  const offered = `the broker offers ${handshake.mechanisms.join(', ')}`;
  checkAnswer(handshake.errorCode, `logging in by ${mechanism}`, handshake.errorCode === 33 ? offered : null);
  let lifetimeMs = 0;
  const say: Say = async (token) => {
    const answer = await ask(saslAuthenticate, { authBytes: token });
    checkAnswer(answer.errorCode, `logging in by ${mechanism}`, answer.errorMessage);
    lifetimeMs = answer.sessionLifetimeMs;
    return answer.authBytes;
  };
  if (options.mechanism === 'OAUTHBEARER') await showToken(say, await options.token());
  else if (options.mechanism === 'PLAIN') await say(Buffer.from(`\0${options.username}\0${options.password}`, 'utf8'));
  else await prove(say, scramNamed(options.mechanism), options.username, options.password);
  return lifetimeMs;
}

function scramNamed(name: string): ScramMechanism {
  const mechanism = scramOf(name);
  if (mechanism === null) throw new Fault('PB_BAD_SETTING', `there is no mechanism ${name}`);
  return mechanism;
}

/** The broker says what is wrong in its first answer, and refuses when it knows that this was heard. */
async function showToken(say: Say, token: string): Promise<void> {
  const problem = await say(Buffer.from(`n,,\u0001auth=Bearer ${token}\u0001\u0001`, 'utf8'));
  if (problem.length === 0) return;
  await say(HEARD);
  throw new Fault('PB_PROTOCOL', 'the broker refused the token and then went on');
}

async function prove(say: Say, mechanism: ScramMechanism, username: string, password: string): Promise<void> {
  const first = clientFirst(username, randomBytes(NONCE_BYTES).toString('base64url'));
  const firstAnswer = Buffer.from(await say(Buffer.from(first.header + first.bare, 'utf8'))).toString('utf8');
  const parsed = parseServerFirst(firstAnswer);
  if (parsed === null || !parsed.nonce.startsWith(first.nonce) || parsed.nonce === first.nonce)
    throw new Fault('PB_PROTOCOL', `the broker does not keep to ${mechanism.name}`);
  if (parsed.iterations > ITERATIONS_MAX)
    throw new Fault('PB_PROTOCOL', `the broker asks for ${parsed.iterations} iterations, which is too much`);
  const salted = await saltPassword(mechanism, password, parsed.salt, parsed.iterations);
  const withoutProof = clientFinalWithoutProof(first.header, parsed.nonce);
  const authMessage = authMessageOf(first.bare, firstAnswer, withoutProof);
  const proof = clientProof(mechanism, salted, authMessage).toString('base64');
  const lastAnswer = await say(Buffer.from(`${withoutProof},p=${proof}`, 'utf8'));
  const signature = parseServerFinal(Buffer.from(lastAnswer).toString('utf8'));
  const expected = serverSignature(mechanism, serverKeyOf(mechanism, salted), authMessage);
  if (signature === null || signature.length !== expected.length || !timingSafeEqual(signature, expected))
    throw new Fault('PB_PROTOCOL', 'the broker does not know the password: it may be an impostor');
}
