/**
 * What the client of one request may do: the authorizer's answers for its identity, and a line in the audit log for each
 * denial of what was asked for. Whatever a handler looks up here it must have declared in its `access`, which is how the
 * table of what every API checks stays true.
 */
import { assert } from '../base/assert.ts';
import type { Identity } from '../net/identity.ts';
import { OPERATION_DESCRIBE, operationsOf } from '../protocol/acl.ts';
import type { AuditLog } from './audit-log.ts';
import type { Authorizer } from './authorizer.ts';

export interface PermitParts {
  /** Null: everybody may do everything. */
  readonly authorizer: Authorizer | null;
  /** Null: denials are told to nobody. */
  readonly audit: AuditLog | null;
  readonly identity: Identity;
  /** Name of the API. */
  readonly api: string;
  /** As `checkKey` makes them. */
  readonly declared: ReadonlySet<number>;
}

const NOBODY: ReadonlySet<string> = new Set();
const OPERATIONS_MAX = 64;

export function checkKey(operation: number, resourceType: number): number {
  return resourceType * OPERATIONS_MAX + operation;
}

export class Permit {
  private readonly parts: PermitParts;

  constructor(parts: PermitParts) {
    this.parts = parts;
  }

  /** Somebody decides at all. */
  get isGuarded(): boolean {
    return this.parts.authorizer !== null;
  }

  may(operation: number, resourceType: number, name: string): boolean {
    if (this.mayQuietly(operation, resourceType, name)) return true;
    const { audit, identity, api } = this.parts;
    audit?.denied({ identity, api, operation, resourceType, resourceName: name });
    return false;
  }

  /** For what nobody asked for by name: a list is filtered, or there is another way to be allowed. */
  mayQuietly(operation: number, resourceType: number, name: string): boolean {
    const { authorizer, identity, declared } = this.parts;
    assert(declared.has(checkKey(operation, resourceType)), 'an API declares what it checks');
    return authorizer === null || authorizer.may(operation, resourceType, name, identity);
  }

  /** Those of `names` that are denied; each is looked at once. */
  denied(operation: number, resourceType: number, names: Iterable<string>, isQuiet = false): ReadonlySet<string> {
    const { authorizer, declared } = this.parts;
    assert(declared.has(checkKey(operation, resourceType)), 'an API declares what it checks');
    if (authorizer === null) return NOBODY;
    const denied = new Set<string>();
    for (const name of new Set(names)) {
      const isAllowed = isQuiet
        ? this.mayQuietly(operation, resourceType, name)
        : this.may(operation, resourceType, name);
      if (!isAllowed) denied.add(name);
    }
    return denied;
  }

  mayOnSome(operation: number, resourceType: number): boolean {
    const { authorizer, identity, declared } = this.parts;
    assert(declared.has(checkKey(operation, resourceType)), 'an API declares what it checks');
    return authorizer === null || authorizer.mayOnSome(operation, resourceType, identity);
  }

  /** Everything the client may do to a resource, as the bit field in which the protocol reports it. */
  operations(resourceType: number, name: string): number {
    const all = operationsOf(resourceType);
    const { authorizer, identity } = this.parts;
    return authorizer === null ? all : all & authorizer.rightsOn(resourceType, name, identity);
  }

  /** As `operations`, for those who may at least see that the resource is there. */
  operationsIfSeen(resourceType: number, name: string): number {
    return this.may(OPERATION_DESCRIBE, resourceType, name) ? this.operations(resourceType, name) : 0;
  }
}
