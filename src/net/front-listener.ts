/**
 * A listener as a front opens it, and as its connections know it afterwards. Fronts of one group have the same ones, in
 * the same order: a number stands for one of them in completions and on the way from front to front.
 */
import { type Listener, type SecurityProtocol, securityProtocols } from '../config/listeners.ts';
import { FLAGS_REMEDY, type ListenRemedy } from '../zerocopy/kernel.ts';
import type { TlsTerms } from './tls-terms.ts';
import type { ListenWish } from './transport.ts';

/** What a connection knows of the listener it came by. */
export interface ListenerFacts {
  readonly name: string;
  readonly protocol: SecurityProtocol;
}

export interface FrontListener extends ListenerFacts {
  readonly wish: ListenWish;
  /** Null: it is plain. */
  readonly tls: TlsTerms | null;
}

export const PLAINTEXT_FACTS: ListenerFacts = { name: securityProtocols[0], protocol: securityProtocols[0] };

/** `isFirst`: the one that `--host` and `--port` change. */
export function frontListener(listener: Listener, isFirst: boolean, tls: TlsTerms | null): FrontListener {
  const { name, protocol, address } = listener;
  return { name, protocol, wish: { ...address, remedy: isFirst ? FLAGS_REMEDY : remedyIn(name) }, tls };
}

function remedyIn(name: string): ListenRemedy {
  const where = `for ${name} in the setting listeners`;
  return { host: where, port: where };
}
