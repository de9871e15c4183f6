/**
 * The features of KIP-584 that this broker has, at the levels a node of Apache Kafka 4.3 is formatted with. A feature is in
 * force as soon as the API that stands for it is served; the levels cannot be changed, and clients that ask for another
 * are told so. Kafka's features for replicas and streams groups are not listed: there are none here.
 */

import { errorCode } from '../protocol/errors.ts';
import type { VersionRange } from '../protocol/registry.ts';
import { type Refusal, refuse } from './refusal.ts';

/** With the versions the broker knows and the one in force (null: it is not in force). */
export interface FeatureRange {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly level: number | null;
}

interface FeatureRow {
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** The key and version of an API by which it is recognised; null: nothing has to be there. */
  readonly needs: { readonly apiKey: number; readonly version: number } | null;
}

const CONSUMER_GROUP_HEARTBEAT = 68;
const SHARE_GROUP_HEARTBEAT = 76;
const END_TXN = 26;

const rows: readonly FeatureRow[] = [
  { name: 'metadata.version', minVersion: 7, maxVersion: 30, needs: null },
  { name: 'group.version', minVersion: 0, maxVersion: 1, needs: { apiKey: CONSUMER_GROUP_HEARTBEAT, version: 1 } },
  { name: 'share.version', minVersion: 0, maxVersion: 1, needs: { apiKey: SHARE_GROUP_HEARTBEAT, version: 1 } },
  { name: 'transaction.version', minVersion: 0, maxVersion: 2, needs: { apiKey: END_TXN, version: 5 } },
];

export function featuresOf(ranges: readonly VersionRange[]): readonly FeatureRange[] {
  return rows.map(({ needs, ...row }) => {
    const isThere =
      needs === null || ranges.some(({ apiKey, maxVersion }) => apiKey === needs.apiKey && maxVersion >= needs.version);
    return { ...row, level: isThere ? row.maxVersion : null };
  });
}

export interface FeatureWish {
  readonly name: string;
  readonly level: number;
  /** 1 upgrade, 2 safe downgrade, 3 unsafe downgrade. */
  readonly upgradeType: number;
}

/** Null when every wish is how things are. One that is not refuses all of them, as in Kafka. */
export function refusalOfFeatures(features: readonly FeatureRange[], wishes: readonly FeatureWish[]): Refusal | null {
  for (const wish of wishes) {
    const problem = problemOfWish(features, wish);
    if (problem === null) continue;
    return refuse(errorCode.INVALID_UPDATE_VERSION, `no feature is changed, because of ${wish.name}: ${problem}`);
  }
  return null;
}

function problemOfWish(features: readonly FeatureRange[], { name, level, upgradeType }: FeatureWish): string | null {
  const feature = features.find((one) => one.name === name);
  if (feature === undefined) return 'this broker does not have it';
  if (upgradeType < 1 || upgradeType > 3) return `there is no upgrade type ${upgradeType}`;
  const { minVersion, maxVersion } = feature;
  const current = feature.level ?? 0;
  if (level === current) return null;
  if (level < minVersion || level > maxVersion) return `this broker knows the levels ${minVersion} to ${maxVersion}`;
  return `its level is ${current}, and this broker does not change levels`;
}
