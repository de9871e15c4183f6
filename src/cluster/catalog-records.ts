/**
 * The kinds of change the catalog knows, as they are written down one behind the other. JSON inside checksummed frames
 * (`file-store.ts`): a handful a second at most, and people can read them with `strings`.
 *
 * A kind or a field is only ever added. A reader that meets a kind it does not know must stop (PB_DATA_NEWER): skipping
 * it could bring a deleted topic back.
 */
import type { AclBinding } from '../protocol/acl.ts';

export type CatalogRecord =
  /** Once, at the very first start. */
  | { readonly kind: 'cluster'; readonly clusterId: string }
  /** Every start; broker epochs grow by it. */
  | { readonly kind: 'boot'; readonly brokerEpoch: number }
  | {
      readonly kind: 'topic';
      readonly name: string;
      readonly id: string;
      readonly configs: { readonly [key: string]: string };
      /** One leader epoch a partition; their count is the count of partitions. */
      readonly leaderEpochs: readonly number[];
    }
  /** Its folders may still be there: the id stays in the catalog's `leaving` until they are gone. */
  | { readonly kind: 'topic-gone'; readonly id: string; readonly name?: string }
  | { readonly kind: 'topic-removed'; readonly id: string }
  | { readonly kind: 'partitions'; readonly id: string; readonly leaderEpochs: readonly number[] }
  /** After an unclean stop: every partition goes on under the next leader epoch. */
  | { readonly kind: 'leader-epochs-bumped' }
  | { readonly kind: 'topic-configs'; readonly id: string; readonly configs: { readonly [key: string]: string } }
  /** What a client set for this broker; the whole set. */
  | { readonly kind: 'broker-configs'; readonly configs: { readonly [key: string]: string } }
  /** What a client set for all brokers of the cluster; the whole set. */
  | { readonly kind: 'cluster-configs'; readonly configs: { readonly [key: string]: string } }
  /** An empty set removes the group's row. */
  | { readonly kind: 'group-configs'; readonly group: string; readonly configs: { readonly [key: string]: string } }
  /** No values remove the row. */
  | { readonly kind: 'client-quota'; readonly entity: QuotaEntity; readonly values: { readonly [key: string]: number } }
  /** Access rules that were not there; the same ones take them away. */
  | { readonly kind: 'acls-added'; readonly bindings: readonly AclBinding[] }
  | { readonly kind: 'acls-removed'; readonly bindings: readonly AclBinding[] }
  /** What a user logs in with by SCRAM; bytes in base64. */
  | ({ readonly kind: 'scram'; readonly user: string; readonly mechanism: string } & ScramTexts)
  | { readonly kind: 'scram-gone'; readonly user: string; readonly mechanism: string }
  /** Once: what the salts of users that do not exist are made from. */
  | { readonly kind: 'pretence-key'; readonly key: string }
  /** Producer ids below `next` may have been handed out. */
  | { readonly kind: 'producer-ids'; readonly next: number };

export interface ScramTexts {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: string;
  readonly serverKey: string;
}

/** Whom a quota is for: name by type (`user`, `client-id`, `ip`), null for everybody who has none of his own. */
export type QuotaEntity = { readonly [type: string]: string | null };

export type ReadRecords =
  | { readonly state: 'good'; readonly records: readonly CatalogRecord[] }
  | { readonly state: 'unknown'; readonly kind: string }
  | { readonly state: 'damaged' };

type ReadRecord = { readonly state: 'good'; readonly record: CatalogRecord } | Exclude<ReadRecords, { state: 'good' }>;

const damaged = { state: 'damaged' } as const;

export function encodeRecords(records: readonly CatalogRecord[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(records));
}

export function decodeRecords(bytes: Uint8Array): ReadRecords {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return damaged;
  }
  if (!Array.isArray(parsed)) return damaged;
  const records: CatalogRecord[] = [];
  for (const item of parsed) {
    const read = readRecord(item);
    if (read.state !== 'good') return read;
    records.push(read.record);
  }
  return { state: 'good', records };
}

function readRecord(item: unknown): ReadRecord {
  if (typeof item !== 'object' || item === null) return damaged;
  const fields = new Map<string, unknown>(Object.entries(item));
  const kind = fields.get('kind');
  return typeof kind === 'string' ? readKind(kind, fields) : damaged;
}

/** Before the names of deleted topics were kept, there was none. */
function readLeaving(kind: 'topic-gone' | 'topic-removed', id: unknown, name: unknown): ReadRecord {
  if (typeof id !== 'string') return damaged;
  return good(kind === 'topic-gone' && typeof name === 'string' ? { kind, id, name } : { kind, id });
}

function readKind(kind: string, fields: ReadonlyMap<string, unknown>): ReadRecord {
  const id = fields.get('id');
  const configs = textsOf(fields.get('configs'));
  const leaderEpochs = numbersOf(fields.get('leaderEpochs'));
  switch (kind) {
    case 'cluster': {
      const clusterId = fields.get('clusterId');
      return typeof clusterId === 'string' ? good({ kind, clusterId }) : damaged;
    }
    case 'boot': {
      const brokerEpoch = fields.get('brokerEpoch');
      return typeof brokerEpoch === 'number' ? good({ kind, brokerEpoch }) : damaged;
    }
    case 'topic':
      return readTopic(fields);
    case 'topic-gone':
    case 'topic-removed':
      return readLeaving(kind, id, fields.get('name'));
    case 'partitions':
      return typeof id === 'string' && leaderEpochs !== null ? good({ kind, id, leaderEpochs }) : damaged;
    case 'leader-epochs-bumped':
      return good({ kind });
    case 'topic-configs':
      return typeof id === 'string' && configs !== null ? good({ kind, id, configs }) : damaged;
    case 'broker-configs':
    case 'cluster-configs':
      return configs === null ? damaged : good({ kind, configs });
    case 'group-configs': {
      const group = fields.get('group');
      return typeof group === 'string' && configs !== null ? good({ kind, group, configs }) : damaged;
    }
    case 'client-quota': {
      const entity = entityOf(fields.get('entity'));
      const values = figuresOf(fields.get('values'));
      return entity !== null && values !== null ? good({ kind, entity, values }) : damaged;
    }
    case 'acls-added':
    case 'acls-removed': {
      const bindings = bindingsOf(fields.get('bindings'));
      return bindings === null ? damaged : good({ kind, bindings });
    }
    case 'scram':
    case 'scram-gone':
      return readScram(kind, fields);
    case 'pretence-key': {
      const key = fields.get('key');
      return typeof key === 'string' ? good({ kind, key }) : damaged;
    }
    case 'producer-ids': {
      const next = fields.get('next');
      return typeof next === 'number' ? good({ kind, next }) : damaged;
    }
    default:
      return { state: 'unknown', kind };
  }
}

function readTopic(fields: ReadonlyMap<string, unknown>): ReadRecord {
  const [name, id] = [fields.get('name'), fields.get('id')];
  const configs = textsOf(fields.get('configs'));
  const leaderEpochs = numbersOf(fields.get('leaderEpochs'));
  if (typeof name !== 'string' || typeof id !== 'string' || configs === null || leaderEpochs === null) return damaged;
  return good({ kind: 'topic', name, id, configs, leaderEpochs });
}

function readScram(kind: 'scram' | 'scram-gone', fields: ReadonlyMap<string, unknown>): ReadRecord {
  const [user, mechanism] = [fields.get('user'), fields.get('mechanism')];
  if (typeof user !== 'string' || typeof mechanism !== 'string') return damaged;
  if (kind === 'scram-gone') return good({ kind, user, mechanism });
  const [salt, storedKey, serverKey] = [fields.get('salt'), fields.get('storedKey'), fields.get('serverKey')];
  const iterations = fields.get('iterations');
  if (typeof salt !== 'string' || typeof storedKey !== 'string' || typeof serverKey !== 'string') return damaged;
  return typeof iterations === 'number'
    ? good({ kind, user, mechanism, salt, iterations, storedKey, serverKey })
    : damaged;
}

function good(record: CatalogRecord): ReadRecord {
  return { state: 'good', record };
}

function bindingsOf(value: unknown): readonly AclBinding[] | null {
  if (!Array.isArray(value)) return null;
  const bindings: AclBinding[] = [];
  for (const item of value) {
    const binding = bindingOf(item);
    if (binding === null) return null;
    bindings.push(binding);
  }
  return bindings;
}

function bindingOf(item: unknown): AclBinding | null {
  if (typeof item !== 'object' || item === null) return null;
  const fields = new Map<string, unknown>(Object.entries(item));
  const text = (name: string): string | null => textOf(fields.get(name));
  const number = (name: string): number => Number(fields.get(name) ?? Number.NaN);
  const resourceName = text('resourceName');
  const principal = text('principal');
  const host = text('host');
  if (resourceName === null || principal === null || host === null) return null;
  const codes = {
    resourceType: number('resourceType'),
    patternType: number('patternType'),
    operation: number('operation'),
    permissionType: number('permissionType'),
  };
  if (!Object.values(codes).every(Number.isSafeInteger)) return null;
  return { ...codes, resourceName, principal, host };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function textsOf(value: unknown): { readonly [key: string]: string } | null {
  if (typeof value !== 'object' || value === null) return null;
  const texts: { [key: string]: string } = {};
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return null;
    texts[key] = text;
  }
  return texts;
}

function numbersOf(value: unknown): readonly number[] | null {
  if (!Array.isArray(value)) return null;
  const numbers: number[] = [];
  for (const item of value) {
    if (!Number.isSafeInteger(item)) return null;
    numbers.push(Number(item));
  }
  return numbers;
}

function entityOf(value: unknown): QuotaEntity | null {
  if (typeof value !== 'object' || value === null) return null;
  const entity: { [type: string]: string | null } = {};
  for (const [type, name] of Object.entries(value)) {
    if (typeof name !== 'string' && name !== null) return null;
    entity[type] = name;
  }
  return entity;
}

function figuresOf(value: unknown): { readonly [key: string]: number } | null {
  if (typeof value !== 'object' || value === null) return null;
  const figures: { [key: string]: number } = {};
  for (const [key, figure] of Object.entries(value)) {
    if (typeof figure !== 'number') return null;
    figures[key] = figure;
  }
  return figures;
}
