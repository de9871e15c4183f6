/** DescribeUserScramCredentials, version 0: which users can log in by SCRAM, and with how many iterations. */
import { describeScramUsers } from '../admin/scram-users.ts';
import { OPERATION_DESCRIBE } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeUserScramCredentials } from '../protocol/schemas/50-describe-user-scram-credentials.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const describeUserScramCredentialsHandler = defineHandler({
  api: describeUserScramCredentials,
  access: [needsCluster(OPERATION_DESCRIBE)],

  handle(request, { services }) {
    const names = request.users === null ? null : request.users.map(({ name }) => name);
    const results = describeScramUsers(services.controller.catalog, names).map(({ user, refusal, credentials }) => ({
      user,
      errorCode: refusal?.errorCode ?? errorCode.NONE,
      errorMessage: refusal?.message ?? null,
      credentialInfos: credentials,
    }));
    return { errorCode: errorCode.NONE, errorMessage: null, results };
  },

  refuse: (_request, { errorCode: code, message }) => ({ errorCode: code, errorMessage: message, results: [] }),
});
