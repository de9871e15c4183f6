/**
 * Which quota holds for whom. Of the rows that name a client, the most particular one counts, in Kafka's order; whoever
 * shares a row that names only a user, or only a client id, shares its rate. Built anew from every change, read by the
 * throttle of a front and by main for mutations.
 */

/** What main posts to the fronts; plain data. */
export interface QuotaImage {
  readonly kind: 'quotas';
  readonly rows: readonly QuotaRow[];
  /** quota.window.num and quota.window.size.seconds */
  readonly windowCount: number;
  readonly windowMs: number;
}

export interface QuotaRow {
  /** Name by type (`user`, `client-id`, `ip`); null for everybody without a row of his own. */
  readonly entity: { readonly [type: string]: string | null };
  readonly values: { readonly [key: string]: number };
}

export interface Quota {
  readonly bound: number;
  /** Clients with the same text share one rate. */
  readonly shareKey: string;
}

const ABSENT = Symbol('absent');
type Name = string | null | typeof ABSENT;

export class QuotaTable {
  private readonly rows = new Map<string, QuotaRow['values']>();
  private readonly keys = new Set<string>();

  constructor(rows: readonly QuotaRow[]) {
    for (const { entity, values } of rows) {
      const ip = nameIn(entity, 'ip');
      const key = ip === ABSENT ? clientKey(nameIn(entity, 'user'), nameIn(entity, 'client-id')) : addressKey(ip);
      this.rows.set(key, values);
      for (const name of Object.keys(values)) this.keys.add(name);
    }
  }

  /** Anybody has such a quota. */
  has(key: string): boolean {
    return this.keys.has(key);
  }

  /** Null: no limit. */
  find(key: string, user: string, clientId: string): Quota | null {
    if (!this.keys.has(key)) return null;
    return (
      this.at(key, clientKey(user, clientId), user, clientId) ??
      this.at(key, clientKey(user, null), user, clientId) ??
      this.at(key, clientKey(user, ABSENT), user, '') ??
      this.at(key, clientKey(null, clientId), user, clientId) ??
      this.at(key, clientKey(null, null), user, clientId) ??
      this.at(key, clientKey(null, ABSENT), user, '') ??
      this.at(key, clientKey(ABSENT, clientId), '', clientId) ??
      this.at(key, clientKey(ABSENT, null), '', clientId)
    );
  }

  findAddress(key: string, address: string): Quota | null {
    if (!this.keys.has(key)) return null;
    return this.at(key, addressKey(address), address, '') ?? this.at(key, addressKey(null), address, '');
  }

  private at(key: string, row: string, user: string, clientId: string): Quota | null {
    const bound = this.rows.get(row)?.[key];
    return bound === undefined ? null : { bound, shareKey: JSON.stringify([key, user, clientId]) };
  }
}

function nameIn(entity: QuotaRow['entity'], type: string): Name {
  const name = entity[type];
  return name === undefined ? ABSENT : name;
}

function clientKey(user: Name, clientId: Name): string {
  return JSON.stringify(['client', part(user), part(clientId)]);
}

function addressKey(address: string | null): string {
  return JSON.stringify(['ip', part(address)]);
}

/** Absent, default and named must not meet, whatever the name is. */
function part(name: Name): readonly string[] | null {
  if (name === ABSENT) return null;
  return name === null ? [] : [name];
}
