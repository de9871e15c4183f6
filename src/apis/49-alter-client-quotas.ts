/** AlterClientQuotas, versions 0 to 1: sets and removes quotas; entities stand or fall one by one. */

import { changeQuotas, entityOf, entityParts } from '../admin/quotas.ts';
import type { Refusal } from '../admin/refusal.ts';
import type { QuotaEntity } from '../cluster/catalog-records.ts';
import { OPERATION_ALTER_CONFIGS } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { alterClientQuotas } from '../protocol/schemas/49-alter-client-quotas.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

type Entry = ElementOf<ResponseInputOf<typeof alterClientQuotas>['entries']>;

export const alterClientQuotasHandler = defineHandler({
  api: alterClientQuotas,
  access: [needsCluster(OPERATION_ALTER_CONFIGS)],
  subjectsOf: ({ entries }) =>
    entries.map(({ entity }) =>
      entity.map(({ entityType, entityName }) => `${entityType}=${entityName ?? '(default)'}`).join(' '),
    ),

  async handle(request, { services }) {
    const changes = request.entries.map(({ entity, ops }) => ({ entity: entityOf(entity), edits: ops }));
    const outcome = await changeQuotas(services.controller, changes, { isOnlyCheck: request.validateOnly });
    return { entries: outcome.map(({ entity, refusal }) => entryOf(entity, refusal)) };
  },

  refuse: (request, refusal) => ({ entries: request.entries.map(({ entity }) => entryOf(entityOf(entity), refusal)) }),
});

function entryOf(entity: QuotaEntity, refusal: Refusal | null): Entry {
  return {
    errorCode: refusal?.errorCode ?? errorCode.NONE,
    errorMessage: refusal?.message ?? null,
    entity: entityParts(entity),
  };
}
