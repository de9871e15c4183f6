/** Client quotas: what users, client ids and addresses may use, and changing it. */

import { describeClientQuotas } from '../../protocol/schemas/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../protocol/schemas/49-alter-client-quotas.ts';
import { checkAnswer } from '../answer-error.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export type QuotaEntityType = 'user' | 'client-id' | 'ip';

/** A null name is the default for all of that type. */
export type QuotaEntity = Readonly<Partial<Record<QuotaEntityType, string | null>>>;

export interface DescribedQuota {
  readonly entity: QuotaEntity;
  /** By quota name: producer_byte_rate, consumer_byte_rate, request_percentage, controller_mutation_rate … */
  readonly values: Readonly<Record<string, number>>;
}

export interface QuotaChange {
  readonly entity: QuotaEntity;
  /** Null takes a quota away. */
  readonly values: Readonly<Record<string, number | null>>;
}

export interface QuotaOutcome extends Outcome {
  readonly entity: QuotaEntity;
}

const MATCH_NAME = 0;
const MATCH_DEFAULT = 1;
const MATCH_ANY = 2;

export interface QuotaFilter {
  /** A name, null for the default, or 'any' name at all. */
  readonly entity?: Readonly<Partial<Record<QuotaEntityType, { readonly name: string } | 'default' | 'any'>>>;
  /** Leaves out entities that have more parts than the filter. */
  readonly isStrict?: boolean;
}

export class QuotaAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  async describe(filter: QuotaFilter = {}): Promise<DescribedQuota[]> {
    const components = Object.entries(filter.entity ?? {}).map(([entityType, match]) => ({
      entityType,
      matchType: match === 'any' ? MATCH_ANY : match === 'default' ? MATCH_DEFAULT : MATCH_NAME,
      match: typeof match === 'string' ? null : match.name,
    }));
    const answer = await this.#requests.toAny('describing quotas', async (connection) => {
      const described = await connection.request(describeClientQuotas, {
        components,
        strict: filter.isStrict === true,
      });
      checkAnswer(described.errorCode, 'describing quotas', described.errorMessage);
      return described;
    });
    return (answer.entries ?? []).map(({ entity, values }) => ({
      entity: entityOf(entity),
      values: Object.fromEntries(values.map(({ key, value }) => [key, value])),
    }));
  }

  async alter(
    changes: readonly QuotaChange[],
    options: { readonly validateOnly?: boolean } = {},
  ): Promise<QuotaOutcome[]> {
    const answer = await this.#requests.toController('changing quotas', (connection) =>
      connection.request(alterClientQuotas, {
        entries: changes.map(({ entity, values }) => ({
          entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
          ops: Object.entries(values).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
        })),
        validateOnly: options.validateOnly === true,
      }),
    );
    return answer.entries.map(({ entity, errorCode: code, errorMessage }) => ({
      entity: entityOf(entity),
      error: errorOf(code, `changing quotas of ${JSON.stringify(entityOf(entity))}`, errorMessage),
    }));
  }
}

function entityOf(parts: readonly { readonly entityType: string; readonly entityName: string | null }[]): QuotaEntity {
  return Object.fromEntries(parts.map(({ entityType, entityName }) => [entityType, entityName]));
}
