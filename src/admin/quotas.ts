/**
 * Client quotas as clients see and change them: whom a quota may be for, which keys it may have, and which entities a
 * filter means. The catalog keeps them; `net/throttle` and `mutation-quotas.ts` enforce them.
 */
import { type Catalog, type ClientQuota, entityKey } from '../cluster/catalog.ts';
import type { CatalogRecord, QuotaEntity } from '../cluster/catalog-records.ts';
import type { Controller } from '../cluster/controller.ts';
import { CLIENT_ID_BYTES_MAX } from '../net/throttle.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Refusal, refuse } from './refusal.ts';

export const ENTITY_USER = 'user';
export const ENTITY_CLIENT = 'client-id';
export const ENTITY_IP = 'ip';

const LONG_MAX = 2 ** 63;
const INT_MAX = 2_147_483_647;
/** Kafka rounds away what floating point adds, and refuses more. */
const FRACTION_MAX = 1e-6;
/** Rows of the table; it is held in memory, and any name will do for an entity. */
export const QUOTAS_MAX = 10_000;

type Figure = 'whole-long' | 'whole-int' | 'any';
const clientKeys: ReadonlyMap<string, Figure> = new Map([
  ['producer_byte_rate', 'whole-long'],
  ['consumer_byte_rate', 'whole-long'],
  ['request_percentage', 'any'],
  ['controller_mutation_rate', 'any'],
]);
const addressKeys: ReadonlyMap<string, Figure> = new Map([['connection_creation_rate', 'whole-int']]);

export interface EntityPart {
  readonly entityType: string;
  /** Null: everybody of the type who has no quota of his own. */
  readonly entityName: string | null;
}

export interface QuotaEdit {
  readonly key: string;
  readonly value: number;
  readonly remove: boolean;
}

export interface QuotaChange {
  readonly entity: QuotaEntity;
  readonly edits: readonly QuotaEdit[];
}

/** Of a type named twice the last counts, as in Kafka. */
export function entityOf(parts: readonly EntityPart[]): QuotaEntity {
  return Object.fromEntries(parts.map(({ entityType, entityName }) => [entityType, entityName]));
}

/** In the order in which Kafka tells them. */
export function entityParts(entity: QuotaEntity): EntityPart[] {
  const known = [ENTITY_CLIENT, ENTITY_USER, ENTITY_IP].filter((type) => type in entity);
  const others = Object.keys(entity).filter((type) => !known.includes(type));
  return [...known, ...others].map((entityType) => ({ entityType, entityName: entity[entityType] ?? null }));
}

/** One entry a distinct entity, in their order; null: it is done (or could be). */
export function changeQuotas(
  controller: Controller,
  changes: readonly QuotaChange[],
  options: { readonly isOnlyCheck: boolean },
): Promise<readonly { readonly entity: QuotaEntity; readonly refusal: Refusal | null }[]> {
  return controller.amend((catalog) => {
    const outcome: { entity: QuotaEntity; refusal: Refusal | null }[] = [];
    const records: CatalogRecord[] = [];
    const counts = new Map<string, number>();
    for (const { entity } of changes) counts.set(entityKey(entity), (counts.get(entityKey(entity)) ?? 0) + 1);
    let added = 0;
    const distinct = new Map(changes.map((change) => [entityKey(change.entity), change]));
    for (const [key, change] of distinct) {
      const { refusal, values } = (counts.get(key) ?? 0) > 1 ? refusedTwice : planOne(catalog, change, added);
      if (Object.keys(values).length > 0 && !catalog.clientQuotas.has(key)) added += 1;
      outcome.push({ entity: change.entity, refusal });
      if (refusal === null) records.push({ kind: 'client-quota', entity: change.entity, values });
    }
    return { records: options.isOnlyCheck ? [] : records, outcome };
  });
}

interface Planned {
  readonly refusal: Refusal | null;
  /** What the entity shall have in the end. */
  readonly values: ClientQuota['values'];
}

function refused(code: number, message: string): Planned {
  return { refusal: refuse(code, message), values: {} };
}

const refusedTwice = refused(errorCode.INVALID_REQUEST, 'the request names this entity twice; name it once');

function planOne(catalog: Catalog, { entity, edits }: QuotaChange, added: number): Planned {
  const problem = problemOfEntity(entity);
  if (problem !== null) return refused(errorCode.INVALID_REQUEST, problem);
  const current = catalog.clientQuotas.get(entityKey(entity));
  const values = new Map(Object.entries(current?.values ?? {}));
  const keys = new Set<string>();
  for (const { key, value, remove } of edits) {
    if (keys.has(key)) return refused(errorCode.INVALID_REQUEST, `the request names ${key} twice for one entity`);
    keys.add(key);
    if (remove) {
      values.delete(key);
      continue;
    }
    const figureProblem = problemOfFigure(entity, key, value);
    if (figureProblem !== null) return refused(errorCode.INVALID_REQUEST, figureProblem);
    values.set(key, value);
  }
  if (current === undefined && values.size > 0 && catalog.clientQuotas.size + added >= QUOTAS_MAX) {
    return refused(errorCode.POLICY_VIOLATION, `there are ${QUOTAS_MAX} quotas, and no more can be; take some away`);
  }
  return { refusal: null, values: Object.fromEntries(values) };
}

function problemOfEntity(entity: QuotaEntity): string | null {
  const types = Object.keys(entity);
  if (types.length === 0) return 'a quota is for somebody: name a user, a client-id or an ip';
  for (const [type, name] of Object.entries(entity)) {
    if (type !== ENTITY_USER && type !== ENTITY_CLIENT && type !== ENTITY_IP) {
      return `there are no quotas for '${type}'; name a user, a client-id or an ip`;
    }
    if (name === '') return `the ${type} of a quota is empty; name one, or leave it to the default`;
    if (name !== null && Buffer.byteLength(name) > CLIENT_ID_BYTES_MAX) {
      return `the ${type} of a quota has more than ${CLIENT_ID_BYTES_MAX} bytes; name a shorter one`;
    }
  }
  const address = entity[ENTITY_IP];
  if (address === undefined) return null;
  if (types.length > 1) return 'a quota for an ip is for nothing else; name users and client-ids in others';
  return address === null || isAddress(address) ? null : `'${address}' is not an IP address; name one`;
}

/** Numbers only: a name would have to be looked up each time somebody connects. */
function isAddress(text: string): boolean {
  if (/^(\d{1,3}\.){3}\d{1,3}$/.test(text)) return text.split('.').every((part) => Number(part) <= 255);
  return /^[0-9a-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]/`);
}

function problemOfFigure(entity: QuotaEntity, key: string, value: number): string | null {
  const keys = ENTITY_IP in entity ? addressKeys : clientKeys;
  const figure = keys.get(key);
  if (figure === undefined) return `such an entity has no quota '${key}'; it may have ${[...keys.keys()].join(', ')}`;
  if (!(value > 0)) return `${key} is ${value} but must be above 0`;
  if (figure === 'any') return null;
  if (figure === 'whole-long' && value >= LONG_MAX) return `${key} is ${value}, which is too large`;
  if (figure === 'whole-int' && value > INT_MAX) return `${key} is ${value}, which is too large`;
  const fraction = Math.abs(value - Math.round(value));
  return fraction > FRACTION_MAX ? `${key} is ${value} but must be a whole number` : null;
}

export const MATCH_EXACT = 0;
export const MATCH_DEFAULT = 1;
export const MATCH_ANY = 2;

export interface FilterPart {
  readonly entityType: string;
  readonly matchType: number;
  readonly match: string | null;
}

/** What a filter means: rows that have all of its types, and with `isStrict` no others. */
export function findQuotas(
  catalog: Catalog,
  filter: readonly FilterPart[],
  isStrict: boolean,
): readonly ClientQuota[] | Refusal {
  const refusal = refusalOfFilter(filter);
  if (refusal !== null) return refusal;
  if (filter.length === 0 && isStrict) return [];
  return [...catalog.clientQuotas.values()].filter(({ entity }) => {
    if (isStrict && Object.keys(entity).length !== filter.length) return false;
    return filter.every((part) => isMatch(part, entity[part.entityType]));
  });
}

function isMatch({ matchType, match }: FilterPart, name: string | null | undefined): boolean {
  if (name === undefined) return false;
  if (matchType === MATCH_ANY) return true;
  return matchType === MATCH_DEFAULT ? name === null : name === match;
}

function refusalOfFilter(filter: readonly FilterPart[]): Refusal | null {
  const types = new Set<string>();
  for (const { entityType, matchType, match } of filter) {
    if (entityType === '') return refuse(errorCode.INVALID_REQUEST, 'a part of the filter has no entity type');
    if (types.has(entityType)) {
      return refuse(errorCode.INVALID_REQUEST, `the filter names the entity type ${entityType} twice; name it once`);
    }
    types.add(entityType);
    if (entityType !== ENTITY_USER && entityType !== ENTITY_CLIENT && entityType !== ENTITY_IP) {
      return refuse(errorCode.UNSUPPORTED_VERSION, `there are no quotas for '${entityType}'`);
    }
    if (matchType < MATCH_EXACT || matchType > MATCH_ANY) {
      return refuse(errorCode.INVALID_REQUEST, `there is no match type ${matchType}`);
    }
    if ((matchType === MATCH_EXACT) !== (match !== null)) {
      const message = matchType === MATCH_EXACT ? 'an exact match needs a name' : 'only an exact match has a name';
      return refuse(errorCode.INVALID_REQUEST, message);
    }
  }
  if (types.has(ENTITY_IP) && types.size > 1) {
    return refuse(errorCode.INVALID_REQUEST, 'a filter for ips is for nothing else');
  }
  return null;
}
