/** What a share group may be told to do differently; read anew for every request, so that a change holds at once. */
import type { GroupValues } from '../config/group-settings.ts';
import type { ShareLimits } from './share-partition.ts';

/** Where a group begins in a partition that it has not seen. */
export type ShareReset =
  | { readonly kind: 'latest' }
  | { readonly kind: 'earliest' }
  | { readonly kind: 'by-duration'; readonly durationMs: number };

export interface ShareSettings extends ShareLimits {
  readonly reset: ShareReset;
  /** Records of transactions are seen only when they are committed. */
  readonly isCommitted: boolean;
  readonly canRenew: boolean;
}

export type ShareSettingsOf = (groupId: string) => ShareSettings;

const DURATION = /^by_duration:P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export function shareSettings(values: GroupValues): ShareSettings {
  return {
    deliveryCountMax: values['share.delivery.count.limit'],
    lockMs: values['share.record.lock.duration.ms'],
    locksMax: values['share.partition.max.record.locks'],
    reset: resetOf(values['share.auto.offset.reset']),
    isCommitted: values['share.isolation.level'] === 'read_committed',
    canRenew: values['share.renew.acknowledge.enable'],
  };
}

/** The text was checked when it was set. */
function resetOf(text: string): ShareReset {
  if (text.toLowerCase() === 'earliest') return { kind: 'earliest' };
  const parts = DURATION.exec(text);
  if (parts === null) return { kind: 'latest' };
  const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
  const durationMs =
    (days ?? 0) * DAY_MS + (hours ?? 0) * HOUR_MS + (minutes ?? 0) * MINUTE_MS + Math.floor((seconds ?? 0) * 1000);
  return { kind: 'by-duration', durationMs };
}
