/**
 * Which doors of the broker others than this machine reach although nobody watches them: one sentence each, that says where,
 * what it means, and which setting changes it. Shown at every start; silent while everything is on the loopback address.
 */
import { type Address, joinHostPort } from './addresses.ts';
import type { SecurityProtocol } from './listeners.ts';

export interface Door {
  readonly name: string;
  readonly protocol: SecurityProtocol;
  readonly address: Address;
  /** By their certificates; clients of SASL are known anyway. */
  readonly knowsClients?: boolean;
}

export interface Exposure {
  readonly listeners: readonly Door[];
  /** Access rules are in force. */
  readonly hasRules: boolean;
  readonly http: Address | null;
  /** The HTTP side asks who it is, since there are users or rules. */
  readonly isHttpGuarded: boolean;
}

export function isLoopback(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  if (bare === 'localhost' || bare.endsWith('.localhost') || bare === '::1') return true;
  return /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(bare);
}

export function exposureWarnings({ listeners, hasRules, http, isHttpGuarded }: Exposure): string[] {
  const warnings: string[] = [];
  for (const door of listeners) {
    const problem = isLoopback(door.address.host) ? null : problemOf(door, hasRules);
    if (problem !== null) warnings.push(`${door.name}://${joinHostPort(door.address)} ${problem}`);
  }
  if (http === null || isLoopback(http.host)) return warnings;
  const place = `http://${joinHostPort(http)}`;
  warnings.push(
    isHttpGuarded
      ? `${place} takes passwords over plain HTTP: put a proxy with TLS before it, or use --http-host 127.0.0.1`
      : `${place} shows topics, groups and figures to whoever reaches it: use --http-host 127.0.0.1, or have users and access rules (docs/security.md)`,
  );
  return warnings;
}

function problemOf({ protocol, knowsClients }: Door, hasRules: boolean): string | null {
  const isEncrypted = protocol === 'SSL' || protocol === 'SASL_SSL';
  const isKnown = protocol.startsWith('SASL_') || knowsClients === true;
  const remedy =
    'use --host 127.0.0.1, or secure it with listeners, listener.security.protocol.map and authorizer.class.name';
  const clear = isEncrypted ? '' : ', and nothing is encrypted';
  if (!isKnown && !hasRules)
    return `is open (${protocol}): whoever reaches it may read, write and delete everything${clear}; ${remedy} (docs/security.md)`;
  if (!isEncrypted && isKnown)
    return `is not encrypted (${protocol}): records, and passwords sent with PLAIN, can be read on the way; use SASL_SSL (docs/security.md)`;
  if (!isEncrypted)
    return `is not encrypted (${protocol}) and takes everybody for User:ANONYMOUS; what that may do, the access rules say (docs/security.md)`;
  if (!hasRules && isKnown)
    return `lets every client that it knows do everything: say who may do what with authorizer.class.name (docs/security.md)`;
  return null;
}
