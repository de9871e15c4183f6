/**
 * `/metrics`: everything Prometheus is told, family by family. Numbers lie in shared memory and on main already; the page
 * adds them up while it is written and keeps nothing of it.
 */
import type { BrokerView } from './broker-view.ts';
import { writeGroupMetrics } from './group-metrics.ts';
import { MetricText } from './metric-text.ts';
import type { PageBody } from './page-body.ts';
import { writePartitionMetrics } from './partition-metrics.ts';
import { writeProcessMetrics } from './process-metrics.ts';
import type { Pulse } from './pulse.ts';
import { writeRequestMetrics } from './request-metrics.ts';

export async function writeMetrics(view: BrokerView, pulse: Pulse, body: PageBody): Promise<void> {
  const text = new MetricText(body);
  writeProcessMetrics(view, pulse, text);
  await body.room();
  await writeRequestMetrics(view, text);
  await writePartitionMetrics(view, pulse, text);
  await writeGroupMetrics(view, pulse, text);
}
