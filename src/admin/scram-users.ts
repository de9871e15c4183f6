/**
 * Users as AlterUserScramCredentials and DescribeUserScramCredentials see them: which changes are taken, and what may be
 * told. What is kept lets a password be checked and is told to nobody. `security/sasl-scram` reads it through
 * `credentialIn`.
 */
import { type Catalog, type CatalogScram, scramKey } from '../cluster/catalog.ts';
import type { CatalogRecord } from '../cluster/catalog-records.ts';
import type { Controller } from '../cluster/controller.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  credentialOf,
  ITERATIONS_MAX,
  ITERATIONS_MIN,
  type ScramCredential,
  type ScramMechanism,
  scramOf,
  scramOfCode,
} from '../protocol/scram-keys.ts';
import { type Refusal, refuse } from './refusal.ts';

/** Credentials of all users; they are held in memory, and any text will do for a name. */
const CREDENTIALS_MAX = 100_000;
const NAME_BYTES_MAX = 1024;
const SALT_BYTES_MAX = 1024;

export interface ScramDeletion {
  readonly name: string;
  readonly mechanism: number;
}

export interface ScramUpsertion extends ScramDeletion {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly saltedPassword: Uint8Array;
}

export interface ScramOutcome {
  readonly user: string;
  /** Null: it is done. */
  readonly refusal: Refusal | null;
}

export interface DescribedUser {
  readonly user: string;
  readonly refusal: Refusal | null;
  readonly credentials: readonly { readonly mechanism: number; readonly iterations: number }[];
}

/** One outcome for each user; users stand or fall one by one, as in Kafka. */
export function alterScramUsers(
  controller: Controller,
  deletions: readonly ScramDeletion[],
  upsertions: readonly ScramUpsertion[],
): Promise<readonly ScramOutcome[]> {
  return controller.amend((catalog) => {
    const plan = new ScramPlan(catalog);
    for (const deletion of deletions) plan.delete(deletion);
    for (const upsertion of upsertions) plan.upsert(upsertion);
    return plan.result;
  });
}

const TWICE = refuse(errorCode.DUPLICATE_RESOURCE, 'A user credential cannot be altered twice in the same request');

class ScramPlan {
  private readonly catalog: Catalog;
  private readonly changes = new Map<string, CatalogRecord>();
  private readonly refusals = new Map<string, Refusal>();
  private added = 0;

  constructor(catalog: Catalog) {
    this.catalog = catalog;
  }

  get result(): { readonly records: readonly CatalogRecord[]; readonly outcome: readonly ScramOutcome[] } {
    const done = [...this.changes.keys()].map((user) => ({ user, refusal: null }));
    const refused = [...this.refusals].map(([user, refusal]) => ({ user, refusal }));
    return { records: [...this.changes.values()], outcome: [...done, ...refused] };
  }

  delete({ name, mechanism: code }: ScramDeletion): void {
    if (!this.isFirst(name)) return;
    const mechanism = this.checked(name, code);
    if (mechanism === null) return;
    if (!this.catalog.scramCredentials.has(scramKey(mechanism.name, name))) {
      const message = 'Attempt to delete a user credential that does not exist';
      this.refusals.set(name, refuse(errorCode.RESOURCE_NOT_FOUND, message));
      return;
    }
    this.changes.set(name, { kind: 'scram-gone', user: name, mechanism: mechanism.name });
  }

  upsert({ name, mechanism: code, iterations, salt, saltedPassword }: ScramUpsertion): void {
    if (!this.isFirst(name)) return;
    const mechanism = this.checked(name, code);
    if (mechanism === null) return;
    const problem = problemOf(name, iterations, salt, saltedPassword) ?? this.problemOfRoom(mechanism, name);
    if (problem !== null) {
      this.refusals.set(name, refuse(errorCode.UNACCEPTABLE_CREDENTIAL, problem));
      return;
    }
    const { storedKey, serverKey } = credentialOf(mechanism, { password: saltedPassword, salt, iterations });
    this.changes.set(name, {
      kind: 'scram',
      user: name,
      mechanism: mechanism.name,
      salt: base64(salt),
      iterations,
      storedKey: base64(storedKey),
      serverKey: base64(serverKey),
    });
  }

  /** A user named twice is not changed at all. */
  private isFirst(name: string): boolean {
    if (this.refusals.has(name)) return false;
    if (!this.changes.delete(name)) return true;
    this.refusals.set(name, TWICE);
    return false;
  }

  private checked(name: string, code: number): ScramMechanism | null {
    const mechanism = scramOfCode(code);
    if (name !== '' && mechanism !== null) return mechanism;
    const refusal =
      name === ''
        ? refuse(errorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty')
        : refuse(errorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism');
    this.refusals.set(name, refusal);
    return null;
  }

  private problemOfRoom(mechanism: ScramMechanism, name: string): string | null {
    const { scramCredentials } = this.catalog;
    if (scramCredentials.has(scramKey(mechanism.name, name))) return null;
    this.added += 1;
    const isFull = scramCredentials.size + this.added > CREDENTIALS_MAX;
    return isFull ? `there are ${CREDENTIALS_MAX} credentials, and no more can be; delete some` : null;
  }
}

function problemOf(name: string, iterations: number, salt: Uint8Array, saltedPassword: Uint8Array): string | null {
  if (iterations < ITERATIONS_MIN) return 'Too few iterations';
  if (iterations > ITERATIONS_MAX) return 'Too many iterations';
  if (Buffer.byteLength(name) > NAME_BYTES_MAX) return `a user name has at most ${NAME_BYTES_MAX} bytes`;
  if (salt.length > SALT_BYTES_MAX) return `a salt has at most ${SALT_BYTES_MAX} bytes`;
  if (saltedPassword.length === 0) return 'the salted password is empty';
  return null;
}

/** `names`: null or empty means all users. */
export function describeScramUsers(catalog: Catalog, names: readonly string[] | null): readonly DescribedUser[] {
  const byUser = credentialsByUser(catalog);
  if (names === null || names.length === 0) {
    return [...byUser].map(([user, credentials]) => ({ user, refusal: null, credentials }));
  }
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([user, count]) => {
    const credentials = byUser.get(user) ?? [];
    if (count > 1) {
      const message = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`;
      return { user, refusal: refuse(errorCode.DUPLICATE_RESOURCE, message), credentials: [] };
    }
    if (credentials.length > 0) return { user, refusal: null, credentials };
    const message = `Attempt to describe a user credential that does not exist: ${user}`;
    return { user, refusal: refuse(errorCode.RESOURCE_NOT_FOUND, message), credentials };
  });
}

function credentialsByUser(catalog: Catalog): Map<string, DescribedUser['credentials'][number][]> {
  const byUser = new Map<string, DescribedUser['credentials'][number][]>();
  for (const { user, mechanism, iterations } of catalog.scramCredentials.values()) {
    const code = scramOf(mechanism)?.code;
    if (code === undefined) continue;
    const known = byUser.get(user);
    if (known === undefined) byUser.set(user, [{ mechanism: code, iterations }]);
    else known.push({ mechanism: code, iterations });
  }
  return byUser;
}

/** What a login is checked against; null: there is no such user. */
export function credentialIn(catalog: Catalog, mechanism: ScramMechanism, user: string): ScramCredential | null {
  const found = catalog.scramCredentials.get(scramKey(mechanism.name, user));
  return found === undefined ? null : credentialFrom(found);
}

function credentialFrom({ salt, iterations, storedKey, serverKey }: CatalogScram): ScramCredential {
  return {
    salt: Buffer.from(salt, 'base64'),
    iterations,
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
