/**
 * The catalog: what exists. An immutable image; a change makes a new one (`Catalog.with`). Everything in it is durable:
 * the records that made it are in the metadata store. Where a partition runs (slot, worker) is no part of it, but of
 * `placement.ts`, because that is decided anew at every start.
 */
import { assert, assertNever } from '../base/assert.ts';
import { type AclBinding, aclKey } from '../protocol/acl.ts';
import type { CatalogRecord, QuotaEntity, ScramTexts } from './catalog-records.ts';

export interface CatalogTopic {
  readonly name: string;
  /** base64url. */
  readonly id: string;
  /** What was set on the topic itself. */
  readonly configs: { readonly [key: string]: string };
  /** Index is the partition's number. */
  readonly leaderEpochs: readonly number[];
}

export interface ClientQuota {
  readonly entity: QuotaEntity;
  readonly values: { readonly [key: string]: number };
}

/** What a user logs in with by one SCRAM mechanism. */
export interface CatalogScram extends ScramTexts {
  readonly user: string;
  readonly mechanism: string;
}

/** No mechanism has a blank in its name. */
export function scramKey(mechanism: string, user: string): string {
  return `${mechanism} ${user}`;
}

/** The same text for the same entity, however it was put together. */
export function entityKey(entity: QuotaEntity): string {
  return JSON.stringify(Object.entries(entity).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A record fits into a frame of the file, however long the names in it are. */
const ACLS_PER_RECORD = 500;

const internalNames = new Set(['__consumer_offsets', '__transaction_state', '__share_group_state']);

/** Topics the broker keeps for itself: flagged in Metadata, never auto-created by a client. */
export function isInternalTopic(name: string): boolean {
  return internalNames.has(name);
}

export class Catalog {
  readonly clusterId: string;
  readonly brokerEpoch: number;
  readonly topicsByName: ReadonlyMap<string, CatalogTopic>;
  readonly topicsById: ReadonlyMap<string, CatalogTopic>;
  /** Deleted topics whose folders may still be on disk, id to name: such folders must not be adopted. */
  readonly leaving: ReadonlyMap<string, string>;
  readonly brokerConfigs: { readonly [key: string]: string };
  readonly clusterConfigs: { readonly [key: string]: string };
  /** By group id: only groups that have settings of their own. */
  readonly groupConfigs: ReadonlyMap<string, { readonly [key: string]: string }>;
  /** By `entityKey`. */
  readonly clientQuotas: ReadonlyMap<string, ClientQuota>;
  /** By `aclKey`, in the order in which they came. */
  readonly acls: ReadonlyMap<string, AclBinding>;
  /** By `scramKey`. */
  readonly scramCredentials: ReadonlyMap<string, CatalogScram>;
  /** '' before the first start that needs one. */
  readonly pretenceKey: string;
  readonly nextProducerId: number;

  private constructor(draft: Omit<Draft, 'acls'> & { readonly acls: ReadonlyMap<string, AclBinding> }) {
    this.clusterId = draft.clusterId;
    this.brokerEpoch = draft.brokerEpoch;
    this.topicsByName = draft.topicsByName;
    this.topicsById = draft.topicsById;
    this.leaving = draft.leaving;
    this.brokerConfigs = draft.brokerConfigs;
    this.clusterConfigs = draft.clusterConfigs;
    this.groupConfigs = draft.groupConfigs;
    this.clientQuotas = draft.clientQuotas;
    this.acls = draft.acls;
    this.scramCredentials = draft.scramCredentials;
    this.pretenceKey = draft.pretenceKey;
    this.nextProducerId = draft.nextProducerId;
  }

  static readonly empty = new Catalog(emptyDraft());

  /** One copy for all the records, so that loading thousands of them is linear. */
  with(records: readonly CatalogRecord[]): Catalog {
    const isAboutAcls = records.some(({ kind }) => kind === 'acls-added' || kind === 'acls-removed');
    const draft: Draft = {
      clusterId: this.clusterId,
      brokerEpoch: this.brokerEpoch,
      topicsByName: new Map(this.topicsByName),
      topicsById: new Map(this.topicsById),
      leaving: new Map(this.leaving),
      brokerConfigs: this.brokerConfigs,
      clusterConfigs: this.clusterConfigs,
      groupConfigs: new Map(this.groupConfigs),
      clientQuotas: new Map(this.clientQuotas),
      acls: isAboutAcls ? new Map(this.acls) : new Map(),
      scramCredentials: new Map(this.scramCredentials),
      pretenceKey: this.pretenceKey,
      nextProducerId: this.nextProducerId,
    };
    for (const record of records) applyRecord(draft, record);
    // Who follows them sees at the map that nothing changed.
    return new Catalog(isAboutAcls ? draft : { ...draft, acls: this.acls });
  }

  /** The fewest records that make this image: what a compacted store holds. */
  toRecords(): CatalogRecord[] {
    const records: CatalogRecord[] = [
      { kind: 'cluster', clusterId: this.clusterId },
      { kind: 'boot', brokerEpoch: this.brokerEpoch },
      { kind: 'producer-ids', next: this.nextProducerId },
    ];
    if (Object.keys(this.brokerConfigs).length > 0)
      records.push({ kind: 'broker-configs', configs: this.brokerConfigs });
    if (Object.keys(this.clusterConfigs).length > 0)
      records.push({ kind: 'cluster-configs', configs: this.clusterConfigs });
    for (const [group, configs] of this.groupConfigs) records.push({ kind: 'group-configs', group, configs });
    for (const quota of this.clientQuotas.values()) records.push({ kind: 'client-quota', ...quota });
    const bindings = [...this.acls.values()];
    for (let from = 0; from < bindings.length; from += ACLS_PER_RECORD) {
      records.push({ kind: 'acls-added', bindings: bindings.slice(from, from + ACLS_PER_RECORD) });
    }
    if (this.pretenceKey !== '') records.push({ kind: 'pretence-key', key: this.pretenceKey });
    for (const credential of this.scramCredentials.values()) records.push({ kind: 'scram', ...credential });
    for (const topic of this.topicsByName.values()) records.push({ kind: 'topic', ...topic });
    for (const [id, name] of this.leaving) records.push({ kind: 'topic-gone', id, name });
    return records;
  }
}

interface Draft {
  clusterId: string;
  brokerEpoch: number;
  readonly topicsByName: Map<string, CatalogTopic>;
  readonly topicsById: Map<string, CatalogTopic>;
  readonly leaving: Map<string, string>;
  brokerConfigs: { readonly [key: string]: string };
  clusterConfigs: { readonly [key: string]: string };
  readonly groupConfigs: Map<string, { readonly [key: string]: string }>;
  readonly clientQuotas: Map<string, ClientQuota>;
  readonly acls: Map<string, AclBinding>;
  readonly scramCredentials: Map<string, CatalogScram>;
  pretenceKey: string;
  nextProducerId: number;
}

function emptyDraft(): Draft {
  return {
    clusterId: '',
    brokerEpoch: 0,
    topicsByName: new Map(),
    topicsById: new Map(),
    leaving: new Map(),
    brokerConfigs: {},
    clusterConfigs: {},
    groupConfigs: new Map(),
    clientQuotas: new Map(),
    acls: new Map(),
    scramCredentials: new Map(),
    pretenceKey: '',
    nextProducerId: 0,
  };
}

function applyRecord(draft: Draft, record: CatalogRecord): void {
  switch (record.kind) {
    case 'cluster':
      draft.clusterId = record.clusterId;
      return;
    case 'boot':
      draft.brokerEpoch = record.brokerEpoch;
      return;
    case 'topic':
      addTopic(draft, record);
      return;
    case 'topic-gone':
      draft.leaving.set(record.id, record.name ?? draft.topicsById.get(record.id)?.name ?? '');
      removeTopic(draft, record.id);
      return;
    case 'topic-removed':
      draft.leaving.delete(record.id);
      return;
    case 'partitions':
      changeTopic(draft, record.id, (topic) => ({
        ...topic,
        leaderEpochs: [...topic.leaderEpochs, ...record.leaderEpochs],
      }));
      return;
    case 'leader-epochs-bumped':
      for (const topic of [...draft.topicsByName.values()]) {
        putTopic(draft, { ...topic, leaderEpochs: topic.leaderEpochs.map((epoch) => epoch + 1) });
      }
      return;
    case 'topic-configs':
      changeTopic(draft, record.id, (topic) => ({ ...topic, configs: record.configs }));
      return;
    case 'broker-configs':
      draft.brokerConfigs = record.configs;
      return;
    case 'cluster-configs':
      draft.clusterConfigs = record.configs;
      return;
    case 'group-configs':
      putUnlessEmpty(draft.groupConfigs, record.group, record.configs, record.configs);
      return;
    case 'client-quota':
      putQuota(draft, record);
      return;
    case 'acls-added':
    case 'acls-removed':
    case 'scram':
    case 'scram-gone':
    case 'pretence-key':
      applySecurityRecord(draft, record);
      return;
    case 'producer-ids':
      draft.nextProducerId = record.next;
      return;
    default:
      assertNever(record);
  }
}

function putQuota({ clientQuotas }: Draft, { entity, values }: ClientQuota): void {
  putUnlessEmpty(clientQuotas, entityKey(entity), { entity, values }, values);
}

/** A row without values is none. */
function putUnlessEmpty<Row>(rows: Map<string, Row>, key: string, row: Row, values: object): void {
  if (Object.keys(values).length === 0) rows.delete(key);
  else rows.set(key, row);
}

function putCredential(draft: Draft, record: CatalogScram): void {
  const { user, mechanism, salt, iterations, storedKey, serverKey } = record;
  const credential = { user, mechanism, salt, iterations, storedKey, serverKey };
  draft.scramCredentials.set(scramKey(mechanism, user), credential);
}

type SecurityRecord = Extract<
  CatalogRecord,
  { readonly kind: 'acls-added' | 'acls-removed' | 'scram' | 'scram-gone' | 'pretence-key' }
>;

function applySecurityRecord(draft: Draft, record: SecurityRecord): void {
  switch (record.kind) {
    case 'acls-added':
      for (const binding of record.bindings) draft.acls.set(aclKey(binding), binding);
      return;
    case 'acls-removed':
      for (const binding of record.bindings) draft.acls.delete(aclKey(binding));
      return;
    case 'scram':
      putCredential(draft, record);
      return;
    case 'scram-gone':
      draft.scramCredentials.delete(scramKey(record.mechanism, record.user));
      return;
    case 'pretence-key':
      draft.pretenceKey = record.key;
      return;
    default:
      assertNever(record);
  }
}

function addTopic(draft: Draft, { name, id, configs, leaderEpochs }: CatalogTopic): void {
  assert(!draft.topicsByName.has(name), 'a topic is created when there is none of its name');
  putTopic(draft, { name, id, configs, leaderEpochs });
}

function putTopic(draft: Draft, topic: CatalogTopic): void {
  draft.topicsByName.set(topic.name, topic);
  draft.topicsById.set(topic.id, topic);
}

function removeTopic(draft: Draft, id: string): void {
  const topic = draft.topicsById.get(id);
  if (topic === undefined) return;
  draft.topicsById.delete(id);
  draft.topicsByName.delete(topic.name);
}

function changeTopic(draft: Draft, id: string, change: (topic: CatalogTopic) => CatalogTopic): void {
  const topic = draft.topicsById.get(id);
  assert(topic !== undefined, 'a topic that changes exists');
  putTopic(draft, change(topic));
}
