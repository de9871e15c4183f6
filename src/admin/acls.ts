/**
 * Access rules as clients see and change them: which can be written down, and which a filter means. The catalog keeps them;
 * `security/` says what they mean for a request.
 */
import type { Catalog } from '../cluster/catalog.ts';
import type { CatalogRecord } from '../cluster/catalog-records.ts';
import type { Controller } from '../cluster/controller.ts';
import {
  type AclBinding,
  type AclFilter,
  aclKey,
  CLUSTER_NAME,
  matchesFilter,
  OPERATION_ALL,
  OPERATION_TWO_PHASE_COMMIT,
  PATTERN_LITERAL,
  PATTERN_PREFIXED,
  PERMISSION_ALLOW,
  PERMISSION_DENY,
  RESOURCE_CLUSTER,
  RESOURCE_TOPIC,
  RESOURCE_USER,
} from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Refusal, refuse } from './refusal.ts';

/** Every thread that decides holds all of them, and arranges them anew when they change: 20,000 take it 20 ms. */
export const ACLS_MAX = 20_000;
const TEXT_BYTES_MAX = 4096;

/** One entry for each wish, in order; null: the rule is in force, also when it was before. */
export function createAcls(
  controller: Controller,
  wishes: readonly AclBinding[],
): Promise<readonly (Refusal | null)[]> {
  return controller.amend((catalog) => {
    const added = new Map<string, AclBinding>();
    const outcome = wishes.map((wish) => {
      const refusal = refusalOfBinding(wish);
      if (refusal !== null) return refusal;
      const key = aclKey(wish);
      if (catalog.acls.has(key)) return null;
      if (!added.has(key) && catalog.acls.size + added.size >= ACLS_MAX) return noRoom;
      added.set(key, wish);
      return null;
    });
    return { records: recordsOf('acls-added', [...added.values()]), outcome };
  });
}

const noRoom = refuse(errorCode.POLICY_VIOLATION, `there are ${ACLS_MAX} access rules, and no more can be`);

/** What each filter took away: a rule that two filters mean is told for both. */
export function deleteAcls(
  controller: Controller,
  filters: readonly AclFilter[],
): Promise<readonly (readonly AclBinding[])[]> {
  return controller.amend((catalog) => {
    const removed = new Map<string, AclBinding>();
    const outcome = filters.map((filter) => {
      const found = findAcls(catalog, filter);
      for (const binding of found) removed.set(aclKey(binding), binding);
      return found;
    });
    return { records: recordsOf('acls-removed', [...removed.values()]), outcome };
  });
}

export function findAcls(catalog: Catalog, filter: AclFilter): readonly AclBinding[] {
  return [...catalog.acls.values()].filter((binding) => matchesFilter(filter, binding));
}

function recordsOf(kind: 'acls-added' | 'acls-removed', bindings: readonly AclBinding[]): CatalogRecord[] {
  return bindings.length === 0 ? [] : [{ kind, bindings }];
}

function refusalOfBinding(wish: AclBinding): Refusal | null {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = wish;
  if (resourceType < RESOURCE_TOPIC || resourceType > RESOURCE_USER) return invalid('a type of resources');
  if (patternType !== PATTERN_LITERAL && patternType !== PATTERN_PREFIXED) return invalid('literal or prefixed');
  if (operation < OPERATION_ALL || operation > OPERATION_TWO_PHASE_COMMIT) return invalid('an operation');
  if (permissionType !== PERMISSION_ALLOW && permissionType !== PERMISSION_DENY) return invalid('allow or deny');
  if (resourceName === '') return invalid('the name of a resource');
  if (resourceType === RESOURCE_CLUSTER && resourceName !== CLUSTER_NAME) {
    return refuse(errorCode.INVALID_REQUEST, `the only resource of the type Cluster is ${CLUSTER_NAME}`);
  }
  if (!isPrincipal(principal)) {
    return refuse(errorCode.INVALID_REQUEST, `'${principal}' is no principal; write a type and a name, as User:alice`);
  }
  if (host === '') return invalid('a host, or * for all');
  const isLong = [resourceName, principal, host].some((text) => Buffer.byteLength(text) > TEXT_BYTES_MAX);
  return isLong ? refuse(errorCode.INVALID_REQUEST, 'a name in the rule is too long') : null;
}

function invalid(what: string): Refusal {
  return refuse(errorCode.INVALID_REQUEST, `an access rule needs ${what}`);
}

function isPrincipal(text: string): boolean {
  const colon = text.indexOf(':');
  return colon > 0 && colon < text.length - 1;
}
