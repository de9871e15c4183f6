/** From the broker's settings to what a compaction goes by; read anew for each, so that changes take effect at once. */
import type { BrokerValues } from '../config/broker-settings.ts';
import type { CleanerBudget } from './cleaner-pace.ts';
import type { CleanerSettings } from './log-cleaner.ts';

const SCRUB_CPU_SHARE = 0.1;

export function cleanerSettingsOf(values: BrokerValues): CleanerSettings {
  return {
    isEnabled: values['log.cleaner.enable'],
    threads: values['log.cleaner.threads'],
    mapBytesMax: values['log.cleaner.dedupe.buffer.size'] / values['log.cleaner.threads'],
    loadFactor: values['log.cleaner.io.buffer.load.factor'],
    backoffMs: values['log.cleaner.backoff.ms'],
    reserveBytes: values['perfbroker.disk.reserve.bytes'],
  };
}

export function cleanerBudgetOf(values: BrokerValues): CleanerBudget {
  return {
    bytesPerSecondMax: values['log.cleaner.io.max.bytes.per.second'],
    cpuShare: values['perfbroker.cleaner.cpu.share'],
  };
}

/** The share of a core is small besides, since nobody waits for it. */
export function scrubBudgetOf(values: BrokerValues): CleanerBudget {
  return { bytesPerSecondMax: values['perfbroker.scrub.bytes.per.second'], cpuShare: SCRUB_CPU_SHARE };
}
