/**
 * One definition per API key: versions, request and response. Types, codecs, version checks and the ApiVersions answer
 * all derive from it. Knows nothing about handlers; `apis/` pairs these definitions with what the broker does.
 */
import { type Decoded, type Field, type Fields, type Input, NEVER, struct } from './fields.ts';

export interface Api<Request = unknown, RequestInput = unknown, Response = unknown, ResponseInput = unknown> {
  readonly key: number;
  readonly name: string;
  /** Versions that can be read and written, both inclusive. */
  readonly versions: readonly [number, number];
  /** What ApiVersions says; wider than `versions` where clients must see a minimum that is refused nevertheless. */
  readonly advertised: readonly [number, number];
  /** First version with compact lengths and tagged fields; NEVER when there is none. */
  readonly flexibleSince: number;
  readonly request: Field<Request, RequestInput>;
  readonly response: Field<Response, ResponseInput>;
}

export interface ApiDefinition<Request extends Fields, Response extends Fields> {
  readonly key: number;
  readonly name: string;
  readonly versions: readonly [number, number];
  readonly advertised?: readonly [number, number];
  readonly flexibleSince: number;
  readonly request: Request;
  readonly response: Response;
}

export function defineApi<const Request extends Fields, const Response extends Fields>(
  definition: ApiDefinition<Request, Response>,
): Api<Decoded<Request>, Input<Request>, Decoded<Response>, Input<Response>> {
  return {
    key: definition.key,
    name: definition.name,
    versions: definition.versions,
    advertised: definition.advertised ?? definition.versions,
    flexibleSince: definition.flexibleSince,
    request: struct(definition.request),
    response: struct(definition.response),
  };
}

/** What decoding a request gives: every field is there. */
export type RequestOf<A> = A extends Api<infer R, infer _1, infer _2, infer _3> ? R : never;
export type ResponseOf<A> = A extends Api<infer _1, infer _2, infer R, infer _3> ? R : never;
/** What encoding takes: fields with a stated default may be left out. */
export type RequestInputOf<A> = A extends Api<infer _1, infer R, infer _2, infer _3> ? R : never;
export type ResponseInputOf<A> = A extends Api<infer _1, infer _2, infer _3, infer R> ? R : never;
/** The type of the entries of an array field: `ElementOf<ResponseInputOf<typeof metadata>['topics']>`. */
export type ElementOf<T> = T extends readonly (infer E)[] ? E : never;

export const API_VERSIONS_KEY = 18;

export function supports(api: Pick<Api, 'versions'>, version: number): boolean {
  return version >= api.versions[0] && version <= api.versions[1];
}

export function isFlexible(api: Pick<Api, 'flexibleSince'>, version: number): boolean {
  return version >= api.flexibleSince;
}

/** A client must be able to read the answer to ApiVersions before it knows the broker: no tagged fields in its header. */
export function hasFlexibleResponseHeader(api: Pick<Api, 'key' | 'flexibleSince'>, version: number): boolean {
  return api.key !== API_VERSIONS_KEY && version >= api.flexibleSince;
}

/** The first version whose responses begin with the time a client has to wait; NEVER when they do not. */
export function throttleSince(api: Pick<Api, 'response'>): number {
  const [first] = api.response.members;
  return first?.name === 'throttleTimeMs' ? first.shape.firstVersion : NEVER;
}
