/**
 * The access rules of one front: main's image of them, and what was decided for each identity and topic, so that the next
 * batch costs one lookup and no memory. A change of rules begins a new epoch; whatever was decided before it is forgotten.
 */
import type { Connection } from '../net/connection.ts';
import type { FrontAccess } from '../net/front-access.ts';
import type { AccessImage } from '../net/front-post.ts';
import type { Identity } from '../net/identity.ts';
import { IdentityRights } from '../net/identity-rights.ts';
import type { Topic } from '../net/route-table.ts';
import { CLUSTER_NAME, RESOURCE_CLUSTER, RESOURCE_TOPIC, RESOURCE_TRANSACTIONAL_ID } from '../protocol/acl.ts';
import type { AuditLog } from './audit-log.ts';
import { Authorizer } from './authorizer.ts';

const IDENTITIES_MAX = 10_000;
/** Topics that were deleted since would gather otherwise. */
const TOPICS_MAX = 100_000;
const utf8 = new TextDecoder();

export class FrontAuthorizer implements FrontAccess {
  isOn = false;
  private readonly audit: AuditLog;
  private isAudited = false;
  private authorizer: Authorizer | null = null;
  private epoch = 0;
  private readonly identities = new Map<string, IdentityRights>();

  constructor(audit: AuditLog) {
    this.audit = audit;
  }

  take(image: AccessImage): void {
    this.authorizer = image.isOn ? new Authorizer(image) : null;
    this.isOn = image.isOn;
    this.isAudited = image.isAudited;
    this.epoch += 1;
    this.identities.clear();
  }

  mayTopic(connection: Connection, operation: number, topic: Topic, api: string): boolean {
    // Only what is there is remembered: a client may ask for as many others as it likes.
    if (!topic.isLive) return this.mayName(connection, operation, utf8.decode(topic.name), api);
    const { topics } = this.rightsOf(connection);
    const bits = topics.get(topic) ?? this.decide(connection.identity, topics, topic);
    if ((bits & (1 << operation)) !== 0) return true;
    this.deny(connection.identity, operation, RESOURCE_TOPIC, utf8.decode(topic.name), api);
    return false;
  }

  mayName(connection: Connection, operation: number, name: string, api: string): boolean {
    return this.may(connection.identity, operation, RESOURCE_TOPIC, name, api);
  }

  mayTransactionalId(connection: Connection, operation: number, id: string, api: string): boolean {
    return this.may(connection.identity, operation, RESOURCE_TRANSACTIONAL_ID, id, api);
  }

  mayCluster({ identity }: Connection, operation: number, api: string, isQuiet: boolean): boolean {
    if (!isQuiet) return this.may(identity, operation, RESOURCE_CLUSTER, CLUSTER_NAME, api);
    return this.authorizer === null || this.authorizer.may(operation, RESOURCE_CLUSTER, CLUSTER_NAME, identity);
  }

  tell(nowMs: number): void {
    this.audit.tell(nowMs);
  }

  private may(identity: Identity, operation: number, resourceType: number, name: string, api: string): boolean {
    if (this.authorizer === null || this.authorizer.may(operation, resourceType, name, identity)) return true;
    this.deny(identity, operation, resourceType, name, api);
    return false;
  }

  private rightsOf(connection: Connection): IdentityRights {
    const { rights, identity } = connection;
    const isCurrent =
      rights !== null &&
      rights.epoch === this.epoch &&
      rights.principal === identity.principal &&
      rights.host === identity.host;
    return isCurrent ? rights : this.findRights(connection);
  }

  private findRights(connection: Connection): IdentityRights {
    const { principal, host } = connection.identity;
    const key = `${host} ${principal}`;
    let rights = this.identities.get(key);
    if (rights === undefined) {
      if (this.identities.size >= IDENTITIES_MAX) this.identities.clear();
      rights = new IdentityRights(principal, host, this.epoch);
      this.identities.set(key, rights);
    }
    connection.rights = rights;
    return rights;
  }

  private decide(identity: Identity, topics: Map<Topic, number>, topic: Topic): number {
    if (this.authorizer === null) return -1;
    if (topics.size >= TOPICS_MAX) topics.clear();
    const bits = this.authorizer.rightsOn(RESOURCE_TOPIC, utf8.decode(topic.name), identity);
    topics.set(topic, bits);
    return bits;
  }

  private deny(identity: Identity, operation: number, resourceType: number, resourceName: string, api: string): void {
    if (this.isAudited) this.audit.denied({ identity, api, operation, resourceType, resourceName });
  }
}
