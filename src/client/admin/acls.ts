/** Access rules: who may do what to which resources, and changing that. */
import type { AclBinding, AclFilter } from '../../protocol/acl.ts';
import { describeAcls } from '../../protocol/schemas/29-describe-acls.ts';
import { createAcls } from '../../protocol/schemas/30-create-acls.ts';
import { deleteAcls } from '../../protocol/schemas/31-delete-acls.ts';
import { checkAnswer } from '../answer-error.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';

export interface AclOutcome extends Outcome {
  readonly binding: AclBinding;
}

export interface AclRemoval extends Outcome {
  readonly filter: AclFilter;
  readonly removed: readonly AclBinding[];
}

export class AclAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  /** The rules that a filter means. */
  async describe(filter: AclFilter): Promise<AclBinding[]> {
    const answer = await this.#requests.toAny('describing access rules', async (connection) => {
      const described = await connection.request(describeAcls, wireFilter(filter));
      checkAnswer(described.errorCode, 'describing access rules', described.errorMessage);
      return described;
    });
    return answer.resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
  }

  /** Rules that are there already stay as they are. */
  async create(bindings: readonly AclBinding[]): Promise<AclOutcome[]> {
    const creations = bindings.map(({ patternType, ...binding }) => ({ ...binding, resourcePatternType: patternType }));
    const answer = await this.#requests.toController('creating access rules', (connection) =>
      connection.request(createAcls, { creations }),
    );
    return bindings.map((binding, index) => {
      const { errorCode: code, errorMessage } = answer.results[index] ?? NOTHING_SAID;
      return { binding, error: errorOf(code, 'creating an access rule', errorMessage) };
    });
  }

  async delete(filters: readonly AclFilter[]): Promise<AclRemoval[]> {
    const answer = await this.#requests.toController('deleting access rules', (connection) =>
      connection.request(deleteAcls, { filters: filters.map(wireFilter) }),
    );
    return filters.map((filter, index) => {
      const result = answer.filterResults[index] ?? NOTHING_SAID;
      const { errorCode: code, errorMessage, matchingAcls } = result;
      const removed = matchingAcls.map(({ errorCode: _code, errorMessage: _message, ...binding }) => binding);
      return { filter, removed, error: errorOf(code, 'deleting access rules', errorMessage) };
    });
  }
}

/** A broker that answers fewer than it was asked. */
const NOTHING_SAID = { errorCode: -1, errorMessage: 'the broker said nothing about it', matchingAcls: [] };

function wireFilter(filter: AclFilter) {
  return {
    resourceTypeFilter: filter.resourceType,
    resourceNameFilter: filter.resourceName,
    patternTypeFilter: filter.patternType,
    principalFilter: filter.principal,
    hostFilter: filter.host,
    operation: filter.operation,
    permissionType: filter.permissionType,
  };
}
