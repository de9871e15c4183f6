/** CreatePartitions, versions 0 to 3: more partitions for topics that exist; topics stand or fall one by one. */
import { createPartitions as growAll } from '../admin/partitions.ts';
import { errorCode } from '../protocol/errors.ts';
import { createPartitions } from '../protocol/schemas/37-create-partitions.ts';
import { defineHandler } from './define.ts';

const QUOTA_ERROR_SINCE = 3;

export const createPartitionsHandler = defineHandler({
  api: createPartitions,
  access: [{ kind: 'guarded', resource: 'topic', operation: 'alter' }],

  async handle(request, { apiVersion, clientId, services }) {
    const allowance = services.mutationQuotas.allowanceOf(clientId, apiVersion >= QUOTA_ERROR_SINCE);
    const wishes = request.topics.map(({ name, count, assignments }) => ({
      name,
      count,
      assignments: assignments === null ? null : assignments.map(({ brokerIds }) => brokerIds),
    }));
    const results = await growAll(services.controller, wishes, { isOnlyCheck: request.validateOnly, allowance });
    return {
      throttleTimeMs: allowance.throttleMs,
      results: results.map(({ name, refusal }) => ({
        name,
        errorCode: refusal?.errorCode ?? errorCode.NONE,
        errorMessage: refusal?.message ?? null,
      })),
    };
  },

  refuse: (request, refusal) => ({
    results: request.topics.map(({ name }) => ({ name, errorCode: refusal.errorCode, errorMessage: refusal.message })),
  }),
});
