/**
 * Who may do what: the rules in force, super users, and what holds where no rule speaks. One object stands for one state of
 * all that; a change of rules or settings makes a new one, on main and in every front (`front-access`).
 *
 * What was decided for an identity is remembered, because clients ask for the same again and again.
 */

import type { AccessImage } from '../net/front-post.ts';
import { type Identity, ruleHost } from '../net/identity.ts';
import { EVERY_OPERATION } from '../protocol/acl.ts';
import { AclIndex } from './acl-index.ts';

/** Clients choose names: what they make us remember is bounded. */
const DECISIONS_MAX = 10_000;
const NAME_LENGTH_MAX = 512;
/** A name that no rule is likely to speak of: what may be done to it may be done to nearly anything. */
const ANY_NAME = 'hardcode';

export class Authorizer {
  private readonly index: AclIndex;
  private readonly superUsers: ReadonlySet<string>;
  private readonly decisions = new Map<string, Map<string, number>>();
  private decisionCount = 0;

  constructor(image: AccessImage) {
    this.index = new AclIndex(image.bindings, image.isOpenWithoutRules, ruleHost);
    this.superUsers = new Set(image.superUsers);
  }

  /** The operations that the identity may do to the resource, one bit each. */
  rightsOn(resourceType: number, name: string, identity: Identity): number {
    const { principal, host } = identity;
    if (this.superUsers.has(principal)) return EVERY_OPERATION;
    if (name.length > NAME_LENGTH_MAX) return this.index.rightsOn(resourceType, name, identity);
    const known = this.decisionsOf(principal, host);
    const key = `${resourceType} ${name}`;
    let rights = known.get(key);
    if (rights === undefined) {
      rights = this.index.rightsOn(resourceType, name, identity);
      this.remember(known, key, rights);
    }
    return rights;
  }

  may(operation: number, resourceType: number, name: string, identity: Identity): boolean {
    return (this.rightsOn(resourceType, name, identity) & (1 << operation)) !== 0;
  }

  /** Whether there is, or could be, a resource of the type to which the identity may do it. */
  mayOnSome(operation: number, resourceType: number, identity: Identity): boolean {
    if (this.may(operation, resourceType, ANY_NAME, identity)) return true;
    return this.index.mayOnSome(resourceType, operation, identity);
  }

  private decisionsOf(principal: string, host: string): Map<string, number> {
    const who = `${host} ${principal}`;
    let known = this.decisions.get(who);
    if (known === undefined) {
      known = new Map();
      this.decisions.set(who, known);
      this.decisionCount += 1;
    }
    return known;
  }

  private remember(known: Map<string, number>, key: string, rights: number): void {
    if (this.decisionCount >= DECISIONS_MAX) {
      this.decisions.clear();
      this.decisionCount = 0;
    }
    known.set(key, rights);
    this.decisionCount += 1;
  }
}
