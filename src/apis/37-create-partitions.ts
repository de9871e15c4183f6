/** CreatePartitions, versions 0 to 3: more partitions for topics that exist; topics stand or fall one by one. */

import { createPartitions as growAll } from '../admin/partitions.ts';
import { OPERATION_ALTER, RESOURCE_TOPIC } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { createPartitions } from '../protocol/schemas/37-create-partitions.ts';
import { checks } from './access.ts';
import { defineHandler, denial } from './define.ts';

const QUOTA_ERROR_SINCE = 3;

export const createPartitionsHandler = defineHandler({
  api: createPartitions,
  access: [checks(OPERATION_ALTER, RESOURCE_TOPIC)],
  subjectsOf: ({ topics }) => topics.map(({ name }) => name),

  async handle(request, { connection, apiVersion, clientId, services, permit }) {
    const allowance = services.mutationQuotas.allowanceOf(
      connection.identity,
      clientId,
      apiVersion >= QUOTA_ERROR_SINCE,
    );
    const denied = permit.denied(
      OPERATION_ALTER,
      RESOURCE_TOPIC,
      request.topics.map(({ name }) => name),
    );
    const allowed = request.topics.filter(({ name }) => !denied.has(name));
    const refusal = denial(errorCode.TOPIC_AUTHORIZATION_FAILED);
    const refused = [...denied].map((name) => ({ name, refusal }));
    const wishes = allowed.map(({ name, count, assignments }) => ({
      name,
      count,
      assignments: assignments === null ? null : assignments.map(({ brokerIds }) => brokerIds),
    }));
    const results = await growAll(services.controller, wishes, { isOnlyCheck: request.validateOnly, allowance });
    return {
      throttleTimeMs: allowance.throttleMs,
      results: [...results, ...refused].map(({ name, refusal: problem }) => ({
        name,
        errorCode: problem?.errorCode ?? errorCode.NONE,
        errorMessage: problem?.message ?? null,
      })),
    };
  },

  refuse: (request, refusal) => ({
    results: request.topics.map(({ name }) => ({ name, errorCode: refusal.errorCode, errorMessage: refusal.message })),
  }),
});
