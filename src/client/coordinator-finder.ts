/**
 * Finds the broker that coordinates a group or a transaction, remembers it until somebody says that it is wrong, and
 * tries requests to it again while the coordinator loads or moves. Consumers, producers with transactions and the admin's
 * group functions ask here. It knows keys, not what they stand for.
 */
import { errorCode } from '../protocol/errors.ts';
import { findCoordinator, KEY_TYPE_GROUP, KEY_TYPE_TRANSACTION } from '../protocol/schemas/10-find-coordinator.ts';
import { AnswerError, checkAnswer, errorCodeOf, mayRetry } from './answer-error.ts';
import { type RetryOptions, retrying } from './backoff.ts';
import type { Connection } from './connection.ts';
import type { Address } from './dial.ts';
import type { ClusterView, Purpose } from './metadata.ts';

export type CoordinatorKind = 'group' | 'transaction';

const SINGLE_KEY_VERSION_MAX = 3;

export class CoordinatorFinder {
  readonly #cluster: ClusterView;
  readonly #known = new Map<string, Address>();

  constructor(cluster: ClusterView) {
    this.#cluster = cluster;
  }

  /** The coordinator's connection; whoever learns that it is another broker calls `forget`. */
  async connection(kind: CoordinatorKind, key: string, purpose: Purpose = 'any'): Promise<Connection> {
    const place = `${kind} ${key}`;
    const address = this.#known.get(place) ?? (await this.#find(kind, key));
    this.#known.set(place, address);
    try {
      return await this.#cluster.connectionTo(address, purpose);
    } catch (error) {
      this.#known.delete(place);
      throw error;
    }
  }

  forget(kind: CoordinatorKind, key: string): void {
    this.#known.delete(`${kind} ${key}`);
  }

  /** Asks the coordinator, again and again while it moves or loads, until the deadline. `ask` throws what was answered. */
  async ask<T>(
    kind: CoordinatorKind,
    key: string,
    options: RetryOptions & { readonly purpose?: Purpose },
    ask: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const beforeRetry = (error: unknown): void => {
      if (isCoordinatorLost(error)) this.forget(kind, key);
      options.beforeRetry?.(error);
    };
    return retrying(`the ${kind} coordinator of ${key}`, { ...options, beforeRetry }, async () =>
      ask(await this.connection(kind, key, options.purpose)),
    );
  }

  async #find(kind: CoordinatorKind, key: string): Promise<Address> {
    const connection = await this.#cluster.anyConnection();
    const version = connection.versionOf(findCoordinator);
    const keyType = kind === 'group' ? KEY_TYPE_GROUP : KEY_TYPE_TRANSACTION;
    const isSingle = version <= SINGLE_KEY_VERSION_MAX;
    const asked = isSingle ? { key, keyType } : { keyType, coordinatorKeys: [key] };
    const answer = await connection.request(findCoordinator, asked, version);
    const found = isSingle ? answer : answer.coordinators[0];
    const what = `finding the ${kind} coordinator of ${key}`;
    if (found === undefined) throw new AnswerError(errorCode.COORDINATOR_NOT_AVAILABLE, what);
    checkAnswer(found.errorCode, what, found.errorMessage);
    return { host: found.host, port: found.port };
  }
}

export function isCoordinatorLost(error: unknown): boolean {
  const code = errorCodeOf(error);
  if (code === 0) return mayRetry(error);
  return code === errorCode.NOT_COORDINATOR || code === errorCode.COORDINATOR_NOT_AVAILABLE;
}
