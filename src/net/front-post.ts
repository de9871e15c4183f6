/** What main posts to a front: changes of routes, quotas, limits on connections, access rules and certificates. Plain data. */
import type { ListenerBounds } from '../config/listener-bounds.ts';
import type { AclBinding } from '../protocol/acl.ts';
import type { QuotaImage } from './quota-table.ts';
import type { RouteUpdate } from './route-table.ts';
import type { TlsTerms } from './tls-terms.ts';

/** `max.connections`, those of addresses and the rate of all, and both of single listeners, which change while the broker runs. */
export interface ConnectionLimits {
  readonly kind: 'limits';
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** By address; of others the number above holds. */
  readonly addressOverrides: ReadonlyMap<string, number>;
  /** Connections a second. */
  readonly creationRateMax: number;
  /** By the listener's number. */
  readonly listeners: readonly Pick<ListenerBounds, 'connectionsMax' | 'creationRateMax'>[];
}

/** The access rules in force, whenever they or the settings about them change. */
export interface AccessImage {
  readonly kind: 'access';
  /** False: everybody may do everything. */
  readonly isOn: boolean;
  readonly bindings: readonly AclBinding[];
  readonly superUsers: readonly string[];
  /** What no rule speaks of is open to all. */
  readonly isOpenWithoutRules: boolean;
  /** Denials are told in the log. */
  readonly isAudited: boolean;
}

/** A client has logged in; the answer that tells it follows. */
export interface LoginDone {
  readonly kind: 'login';
  /** Of the exchange that did it. */
  readonly exchange: number;
  readonly principal: string;
  /** How long it is good for; null: as long as the connection. */
  readonly lifetimeMs: number | null;
}

/** A listener with TLS has another certificate, or trusts others, from here on. */
export interface TlsRenewal {
  readonly kind: 'tls';
  readonly listener: string;
  readonly terms: TlsTerms;
}

export type FrontPost = RouteUpdate | QuotaImage | ConnectionLimits | AccessImage | LoginDone | TlsRenewal;

const kinds: ReadonlySet<unknown> = new Set([
  'image',
  'topic',
  'topic-gone',
  'quotas',
  'limits',
  'access',
  'login',
  'tls',
]);

/** Other messages are for other roles of the same thread, or of a newer main; they are not the front's. */
export function isFrontPost(message: unknown): message is FrontPost {
  return typeof message === 'object' && message !== null && 'kind' in message && kinds.has(message.kind);
}

export function isQuotas(post: FrontPost): post is QuotaImage {
  return post.kind === 'quotas';
}

export function isTlsRenewal(post: FrontPost): post is TlsRenewal {
  return post.kind === 'tls';
}

export function isLimits(post: FrontPost): post is ConnectionLimits {
  return post.kind === 'limits';
}

export function isAccess(post: FrontPost): post is AccessImage {
  return post.kind === 'access';
}

export function isLogin(post: FrontPost): post is LoginDone {
  return post.kind === 'login';
}
