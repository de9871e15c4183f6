/**
 * The APIs that this broker really answers, by key. Whoever builds the broker passes the list in; a schema without a
 * handler stays out, because clients take every advertised key at its word.
 */
import { assert } from '../base/assert.ts';
import { type Api, throttleSince } from './api.ts';
import { NEVER } from './fields.ts';

export const API_KEYS_MAX = 128;

export interface VersionRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

export class Registry {
  readonly #byKey: (Api | null)[] = new Array<Api | null>(API_KEYS_MAX).fill(null);
  /** By API key, for `RequestHeader`. */
  readonly flexibleSince: Int16Array = new Int16Array(API_KEYS_MAX).fill(NEVER);
  /** By API key: the first version whose responses begin with the throttle time. */
  readonly throttleSince: Int16Array = new Int16Array(API_KEYS_MAX).fill(NEVER);
  /** What ApiVersions answers, ordered by key. */
  readonly ranges: readonly VersionRange[];

  constructor(apis: readonly Api[]) {
    for (const api of apis) {
      assert(api.key >= 0 && api.key < API_KEYS_MAX, 'an API key lies within the table');
      assert(this.#byKey[api.key] === null, 'an API key is registered once');
      this.#byKey[api.key] = api;
      this.flexibleSince[api.key] = api.flexibleSince;
      this.throttleSince[api.key] = throttleSince(api);
    }
    const ordered = [...apis].sort((one, other) => one.key - other.key);
    this.ranges = ordered.map(({ key, advertised }) => ({
      apiKey: key,
      minVersion: advertised[0],
      maxVersion: advertised[1],
    }));
  }

  find(apiKey: number): Api | null {
    return this.#byKey[apiKey] ?? null;
  }
}
