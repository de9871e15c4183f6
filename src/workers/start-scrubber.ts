/** Makes the scrubber of a broker, between the host that knows the logs and the background that reads them. */
import { systemClock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { BrokerValues } from '../config/broker-settings.ts';
import { NodeDisk } from '../storage/node-disk.ts';
import type { BackgroundPool } from './background-pool.ts';
import { scrubBudgetOf } from './cleaner-settings.ts';
import { LogScrubber } from './log-scrubber.ts';
import type { WorkerHost } from './worker-host.ts';

export interface StartScrubberParts {
  readonly host: WorkerHost;
  readonly background: BackgroundPool;
  /** The settings as they are at the moment, and which topics leave gaps in their logs. */
  readonly controller: { readonly config: { readonly values: BrokerValues }; isCompacted(topic: string): boolean };
  readonly logger: Logger;
}

export function startScrubber({ host, background, controller, logger }: StartScrubberParts): LogScrubber {
  const scrubber = new LogScrubber({
    disk: new NodeDisk(),
    logs: () => host.logsToScrub((topic) => controller.isCompacted(topic)),
    check: (segment) => background.scrub(segment, scrubBudgetOf(controller.config.values)),
    settings: () => ({ everyMs: controller.config.values['perfbroker.scrub.interval.ms'] }),
    nowMs: () => systemClock.nowMs(),
    logger,
  });
  scrubber.start();
  return scrubber;
}
