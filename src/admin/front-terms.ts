/** What fronts are told of settings and quotas when they change; read by the broker, which posts it. */
import type { Catalog } from '../cluster/catalog.ts';
import { addressOverridesOf } from '../config/address-overrides.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { boundsOfListeners } from '../config/listener-bounds.ts';
import type { ConnectionLimits } from '../net/front-post.ts';
import { FRONT_LIMITS } from '../net/limits.ts';
import type { QuotaImage } from '../net/quota-table.ts';

export function quotaImageOf(catalog: Catalog, { values }: BrokerConfig): QuotaImage {
  return {
    kind: 'quotas',
    rows: [...catalog.clientQuotas.values()],
    windowCount: values['quota.window.num'],
    windowMs: values['quota.window.size.seconds'] * 1000,
  };
}

export function connectionLimitsOf(config: BrokerConfig, fronts: number): ConnectionLimits {
  const { values } = config;
  return {
    kind: 'limits',
    connectionsMax: Math.min(values['max.connections'], FRONT_LIMITS.connectionsMax * fronts),
    connectionsPerAddressMax: values['max.connections.per.ip'],
    addressOverrides: addressOverridesOf(values['max.connections.per.ip.overrides']),
    creationRateMax: values['max.connection.creation.rate'],
    listeners: boundsOfListeners(config),
  };
}
