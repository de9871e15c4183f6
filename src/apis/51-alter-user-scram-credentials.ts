/** AlterUserScramCredentials, version 0: users that log in by SCRAM; they stand or fall one by one. */
import { alterScramUsers } from '../admin/scram-users.ts';
import { OPERATION_ALTER } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { alterUserScramCredentials } from '../protocol/schemas/51-alter-user-scram-credentials.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const alterUserScramCredentialsHandler = defineHandler({
  api: alterUserScramCredentials,
  access: [needsCluster(OPERATION_ALTER)],
  subjectsOf: ({ deletions, upsertions }) => [
    ...deletions.map(({ name }) => `-${name}`),
    ...upsertions.map(({ name }) => name),
  ],

  async handle({ deletions, upsertions }, { services }) {
    const outcome = await alterScramUsers(services.controller, deletions, upsertions);
    return {
      results: outcome.map(({ user, refusal }) => ({
        user,
        errorCode: refusal?.errorCode ?? errorCode.NONE,
        errorMessage: refusal?.message ?? null,
      })),
    };
  },

  refuse({ deletions, upsertions }, { errorCode: code, message }) {
    const users = new Set([...deletions, ...upsertions].map(({ name }) => name));
    return { results: [...users].map((user) => ({ user, errorCode: code, errorMessage: message })) };
  },
});
