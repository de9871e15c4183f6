/**
 * A listener as a front opens it, and as its connections know it afterwards. Fronts of one group have the same ones, in
 * the same order: a number stands for one of them in completions and on the way from front to front.
 */
import type { BrokerConfig } from '../config/broker-config.ts';
import { type ListenerBounds, listenerBoundsOf } from '../config/listener-bounds.ts';
import { type Listener, type SecurityProtocol, securityProtocols } from '../config/listeners.ts';
import { FLAGS_REMEDY, type ListenRemedy } from '../zerocopy/kernel.ts';
import type { TlsTerms } from './tls-terms.ts';
import type { ListenWish } from './transport.ts';

/** What a connection knows of the listener it came by. */
export interface ListenerFacts {
  readonly name: string;
  readonly protocol: SecurityProtocol;
  /** Among all listeners of the broker, whichever fronts serve them. */
  readonly number: number;
  /** As they were at the start; those on connections may change, see `door`. */
  readonly bounds: ListenerBounds;
}

export interface FrontListener extends ListenerFacts {
  readonly wish: ListenWish;
  /** Null: it is plain. */
  readonly tls: TlsTerms | null;
}

export const PLAINTEXT_FACTS: ListenerFacts = {
  name: securityProtocols[0],
  protocol: securityProtocols[0],
  number: 0,
  bounds: {
    connectionsMax: Number.POSITIVE_INFINITY,
    creationRateMax: Number.POSITIVE_INFINITY,
    loginBytesMax: 524_288,
  },
};

export function listenerFacts({ name, protocol }: Listener, number: number, config: BrokerConfig): ListenerFacts {
  return { name, protocol, number, bounds: listenerBoundsOf(config, name) };
}

/** The first one is that which `--host` and `--port` change. */
export function frontListener(
  listener: Listener,
  number: number,
  config: BrokerConfig,
  tls: TlsTerms | null,
): FrontListener {
  const { name, address } = listener;
  const wish = { ...address, remedy: number === 0 ? FLAGS_REMEDY : remedyIn(name) };
  return { ...listenerFacts(listener, number, config), wish, tls };
}

function remedyIn(name: string): ListenRemedy {
  const where = `for ${name} in the setting listeners`;
  return { host: where, port: where };
}
