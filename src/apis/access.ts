/**
 * What a client needs to be allowed, stated by every API. What a whole request needs is checked before its handler is
 * called; what is asked for each topic, group or setting of it is checked by the handler, which can look up nothing that is
 * not stated here. `docs/security.md` has the table made of these.
 */
import type { DataApi } from '../net/data-api.ts';
import {
  CLUSTER_NAME,
  RESOURCE_CLUSTER,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  RESOURCE_TRANSACTIONAL_ID,
} from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Permit } from '../security/permit.ts';

export interface OpenAccess {
  readonly kind: 'open';
  readonly because: string;
}

/** The whole request is refused without it. */
export interface NeededAccess<Request> {
  readonly kind: 'needed';
  readonly operation: number;
  readonly resourceType: number;
  /** Null: this request needs no such right. */
  nameOf(request: Request, apiVersion: number): string | null;
}

/** The handler looks it up, for parts of the request. */
export interface CheckedAccess {
  readonly kind: 'checked';
  readonly operation: number;
  readonly resourceType: number;
}

export type Access<Request> = OpenAccess | NeededAccess<Request> | CheckedAccess;
/** What is stated of an API, without its types. */
export type StatedAccess =
  | OpenAccess
  | Pick<NeededAccess<never>, 'kind' | 'operation' | 'resourceType'>
  | CheckedAccess;

/** A data API, which looks up its rights on the front. */
export interface GuardedDataApi extends DataApi {
  readonly access: readonly [StatedAccess, ...StatedAccess[]];
}

export function open(because: string): OpenAccess {
  return { kind: 'open', because };
}

export function needsCluster(operation: number): NeededAccess<unknown> {
  return { kind: 'needed', operation, resourceType: RESOURCE_CLUSTER, nameOf: () => CLUSTER_NAME };
}

export function needs<Request>(
  operation: number,
  resourceType: number,
  nameOf: (request: Request, apiVersion: number) => string | null,
): NeededAccess<Request> {
  return { kind: 'needed', operation, resourceType, nameOf };
}

export function needsGroup(operation: number): NeededAccess<{ readonly groupId: string | null }> {
  return { kind: 'needed', operation, resourceType: RESOURCE_GROUP, nameOf: ({ groupId }) => groupId };
}

export function needsTransactionalId(operation: number): NeededAccess<{ readonly transactionalId: string | null }> {
  const resourceType = RESOURCE_TRANSACTIONAL_ID;
  return { kind: 'needed', operation, resourceType, nameOf: ({ transactionalId }) => transactionalId };
}

export function checks(operation: number, resourceType: number): CheckedAccess {
  return { kind: 'checked', operation, resourceType };
}

/** The code of the first right that is missing for the whole request; NONE: it may be handled. */
export function missingRight<Request>(
  access: readonly Access<Request>[],
  request: Request,
  apiVersion: number,
  permit: Permit,
): number {
  for (const one of access) {
    if (one.kind !== 'needed') continue;
    const name = one.nameOf(request, apiVersion);
    if (name !== null && !permit.may(one.operation, one.resourceType, name)) return codeOfDenial(one.resourceType);
  }
  return errorCode.NONE;
}

export function codeOfDenial(resourceType: number): number {
  switch (resourceType) {
    case RESOURCE_TOPIC:
      return errorCode.TOPIC_AUTHORIZATION_FAILED;
    case RESOURCE_GROUP:
      return errorCode.GROUP_AUTHORIZATION_FAILED;
    case RESOURCE_TRANSACTIONAL_ID:
      return errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    default:
      return errorCode.CLUSTER_AUTHORIZATION_FAILED;
  }
}
