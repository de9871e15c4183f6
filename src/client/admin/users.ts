/** Users that log in by SCRAM: who they are, and giving them passwords. The broker is told what can be checked, never a password. */

import { Fault } from '../../base/fault.ts';
import { describeUserScramCredentials } from '../../protocol/schemas/50-describe-user-scram-credentials.ts';
import { alterUserScramCredentials } from '../../protocol/schemas/51-alter-user-scram-credentials.ts';
import {
  ITERATIONS_MIN,
  newSalt,
  type ScramMechanism,
  type ScramName,
  saltPassword,
  scramOf,
  scramOfCode,
} from '../../protocol/scram-keys.ts';
import { checkAnswer } from '../answer-error.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface ScramUser extends Outcome {
  readonly name: string;
  readonly mechanisms: readonly { readonly mechanism: string; readonly iterations: number }[];
}

export interface NewScramUser {
  readonly name: string;
  readonly password: string;
  readonly mechanism: ScramName;
  /** 4096 if it is left out, as for Kafka's tools. */
  readonly iterations?: number;
}

export interface UserOutcome extends Outcome {
  readonly name: string;
}

export class UserAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  /** Left out: all of them. */
  async describe(names: readonly string[] | null = null): Promise<ScramUser[]> {
    const users = names?.map((name) => ({ name })) ?? null;
    const answer = await this.#requests.toAny('describing users', async (connection) => {
      const described = await connection.request(describeUserScramCredentials, { users });
      checkAnswer(described.errorCode, 'describing users', described.errorMessage);
      return described;
    });
    return answer.results.map(({ user, errorCode: code, errorMessage, credentialInfos }) => ({
      name: user,
      error: errorOf(code, `user ${user}`, errorMessage),
      mechanisms: credentialInfos.map(({ mechanism, iterations }) => ({
        mechanism: scramOfCode(mechanism)?.name ?? `mechanism ${mechanism}`,
        iterations,
      })),
    }));
  }

  /** A user that is there already gets the new password. */
  async put(users: readonly NewScramUser[]): Promise<UserOutcome[]> {
    const upsertions = await Promise.all(users.map(upsertionOf));
    return await this.#alter([], upsertions);
  }

  async remove(users: readonly { readonly name: string; readonly mechanism: ScramName }[]): Promise<UserOutcome[]> {
    const deletions = users.map(({ name, mechanism }) => ({ name, mechanism: mechanismNamed(mechanism).code }));
    return await this.#alter(deletions, []);
  }

  async #alter(
    deletions: readonly { readonly name: string; readonly mechanism: number }[],
    upsertions: readonly Awaited<ReturnType<typeof upsertionOf>>[],
  ): Promise<UserOutcome[]> {
    const answer = await this.#requests.toController('changing users', (connection) =>
      connection.request(alterUserScramCredentials, { deletions, upsertions }),
    );
    return answer.results.map(({ user, errorCode: code, errorMessage }) => ({
      name: user,
      error: errorOf(code, `user ${user}`, errorMessage),
    }));
  }
}

async function upsertionOf({ name, password, mechanism: called, iterations = ITERATIONS_MIN }: NewScramUser) {
  const mechanism = mechanismNamed(called);
  const salt = newSalt();
  const saltedPassword = await saltPassword(mechanism, password, salt, iterations);
  return { name, mechanism: mechanism.code, iterations, salt, saltedPassword };
}

function mechanismNamed(name: string): ScramMechanism {
  const mechanism = scramOf(name);
  if (mechanism !== null) return mechanism;
  throw new Fault('PB_BAD_SETTING', `there is no mechanism ${name}; choose SCRAM-SHA-256 or SCRAM-SHA-512`);
}
