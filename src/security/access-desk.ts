/**
 * Main's access rules: follows the rules in the catalog and the settings about them, and gives each request its permit. The
 * fronts have their own (`front-access`), built from the same image.
 */

import type { AccessImage } from '../net/front-post.ts';
import { ANONYMOUS, type Identity, ruleHost } from '../net/identity.ts';
import { type AclBinding, CLUSTER_NAME, OPERATION_DESCRIBE, RESOURCE_CLUSTER } from '../protocol/acl.ts';
import type { AuditLog } from './audit-log.ts';
import { Authorizer } from './authorizer.ts';
import { checkKey, Permit } from './permit.ts';

/** What the settings say; see `config/broker-settings`. */
export interface AccessSettings {
  readonly 'authorizer.class.name': string;
  readonly 'super.users': string;
  readonly 'allow.everyone.if.no.acl.found': boolean;
  readonly 'perfbroker.audit.log': string;
}

export function accessImageOf(bindings: Iterable<AclBinding>, settings: AccessSettings): AccessImage {
  return {
    kind: 'access',
    isOn: settings['authorizer.class.name'] !== '',
    bindings: [...bindings],
    superUsers: superUsersOf(settings['super.users']),
    isOpenWithoutRules: settings['allow.everyone.if.no.acl.found'],
    isAudited: settings['perfbroker.audit.log'] !== 'off',
  };
}

/** "User:alice;User:CN=bob,O=example": names hold commas, so semicolons stand between them. */
function superUsersOf(text: string): string[] {
  const names = text.split(';').map((name) => name.trim());
  return names.filter((name) => name !== '');
}

export class AccessDesk {
  private readonly log: AuditLog;
  private image: AccessImage | null = null;
  private authorizer: Authorizer | null = null;
  private isAudited = false;

  constructor(log: AuditLog) {
    this.log = log;
  }

  /** Somebody decides who may do what; without that, rules can neither be made nor be read. */
  get isOn(): boolean {
    return this.authorizer !== null;
  }

  /** There is nobody who could make the first rule. */
  get isShutToAll(): boolean {
    const { image } = this;
    if (image === null || !image.isOn || image.isOpenWithoutRules) return false;
    return image.bindings.length === 0 && image.superUsers.length === 0;
  }

  /** Null: administrative changes are not told. */
  get changes(): AuditLog | null {
    return this.isOn && this.isAudited ? this.log : null;
  }

  take(image: AccessImage): void {
    this.isAudited = image.isAudited;
    if (this.image !== null && isSameAccess(this.image, image)) return;
    this.image = image;
    this.authorizer = image.isOn ? new Authorizer(image) : null;
  }

  /** For people who look at the broker by other ways than the protocol. */
  mayDescribeCluster(principal: string, host: string): boolean {
    const identity = { principal, host: ruleHost(host), listener: 'HTTP' };
    const declared = new Set([checkKey(OPERATION_DESCRIBE, RESOURCE_CLUSTER)]);
    const permit = this.permitOf(identity, 'HTTP', declared);
    // Who has not said who it is is asked for that, which is no denial to be told.
    if (principal === ANONYMOUS) return permit.mayQuietly(OPERATION_DESCRIBE, RESOURCE_CLUSTER, CLUSTER_NAME);
    return permit.may(OPERATION_DESCRIBE, RESOURCE_CLUSTER, CLUSTER_NAME);
  }

  permitOf(identity: Identity, api: string, declared: ReadonlySet<number>): Permit {
    const { authorizer } = this;
    return new Permit({ authorizer, audit: this.isAudited ? this.log : null, identity, api, declared });
  }
}

/** Other settings change as well: what was decided is kept then. */
export function isSameAccess(one: AccessImage, other: AccessImage): boolean {
  return (
    one.isAudited === other.isAudited &&
    one.isOn === other.isOn &&
    one.isOpenWithoutRules === other.isOpenWithoutRules &&
    one.superUsers.join(';') === other.superUsers.join(';') &&
    one.bindings.length === other.bindings.length &&
    one.bindings.every((binding, index) => binding === other.bindings[index])
  );
}
