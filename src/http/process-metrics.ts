/** The process, main's thread, the disk, compaction, and how much of everything there is. */
import { readdirSync } from 'node:fs';
import { tallyBounds } from '../zerocopy/tally.ts';
import type { BrokerView } from './broker-view.ts';
import { label, type MetricText } from './metric-text.ts';
import { LATE_BUCKETS, LATE_SHIFT, type Pulse } from './pulse.ts';

const LATE_BOUNDS = tallyBounds(LATE_BUCKETS, LATE_SHIFT).map(String);

export function writeProcessMetrics(view: BrokerView, pulse: Pulse, text: MetricText): void {
  text.family('info', 'gauge', 'Always 1; says in its labels what runs.');
  text.sample([label('version', view.version), label('node', process.version), label('io', view.ioPath)].join(','), 1);
  writeProcess(text);
  writeMain(pulse, text);
  writeDisk(view, text);
  writeLogins(view, text);
  writeCompaction(view, text);
  writeScrubbing(view, text);
  const { catalog } = view.controller;
  let partitions = 0;
  for (const topic of catalog.topicsByName.values()) partitions += topic.leaderEpochs.length;
  const offline = Math.max(0, partitions - view.openSlots.size);
  text.single('topics', 'gauge', 'Topics, with those the broker keeps for itself.', catalog.topicsByName.size);
  text.single('partitions', 'gauge', 'Partitions of all topics.', partitions);
  text.single('partitions_offline', 'gauge', 'Partitions whose log is not open; the log says why.', offline);
}

function writeProcess(text: MetricText): void {
  const { user, system } = process.cpuUsage();
  text.family('process_cpu_seconds_total', 'counter', 'Processor time of all threads.');
  text.sample(label('mode', 'user'), user / 1e6);
  text.sample(label('mode', 'system'), system / 1e6);
  const { rss, heapUsed } = process.memoryUsage();
  text.single('process_resident_memory_bytes', 'gauge', 'Memory of the process that is in RAM.', rss);
  text.single('process_main_heap_bytes', 'gauge', "Heap in use of main's thread.", heapUsed);
  const startedSeconds = Math.round(Date.now() / 1000 - process.uptime());
  text.single('process_start_time_seconds', 'gauge', 'When the process began, in seconds since 1970.', startedSeconds);
  const descriptors = openDescriptors();
  if (descriptors >= 0) text.single('process_open_fds', 'gauge', 'Open file descriptors.', descriptors);
}

function writeMain(pulse: Pulse, text: MetricText): void {
  const { active } = performance.eventLoopUtilization();
  text.single('main_busy_seconds_total', 'counter', "Time in which main's event loop was not waiting.", active / 1000);
  text.family('main_lag_seconds', 'histogram', "How late a timer of main's was, asked once a second.");
  text.histogram('', pulse.lateness, LATE_BOUNDS);
}

function writeDisk(view: BrokerView, text: MetricText): void {
  const { totalBytes, usableBytes } = view.room();
  if (totalBytes < 0) return;
  text.single('disk_size_bytes', 'gauge', 'Size of the disk that the data folder lies on.', totalBytes);
  text.single('disk_free_bytes', 'gauge', 'What can still be written to it.', usableBytes);
  const reserve = view.controller.config.values['perfbroker.disk.reserve.bytes'];
  text.single('disk_reserve_bytes', 'gauge', 'Below this much free room producers are refused.', reserve);
}

function writeLogins(view: BrokerView, text: MetricText): void {
  const { done, failed } = view.logins();
  text.single('logins_total', 'counter', 'Logins of clients (SASL), repeated ones included.', done);
  text.single(
    'logins_failed_total',
    'counter',
    'Connections closed because they did not log in as they should.',
    failed,
  );
}

function writeCompaction(view: BrokerView, text: MetricText): void {
  const { underWay, waiting, dirtyBytes, uncleanable, done, bytesBefore, bytesAfter } = view.cleaner();
  text.single('compactions_running', 'gauge', 'Logs that are being compacted.', underWay);
  text.single('compactions_waiting', 'gauge', 'Logs that were due at the last look and not begun.', waiting);
  text.single('compactions_total', 'counter', 'Logs that were compacted.', done);
  text.single(
    'compaction_dirty_bytes',
    'gauge',
    'Bytes of compacted topics not compacted yet, at the last look.',
    dirtyBytes,
  );
  text.single(
    'compaction_uncleanable_logs',
    'gauge',
    'Logs that cannot be compacted until the next start.',
    uncleanable,
  );
  text.single('compaction_bytes_before_total', 'counter', 'Bytes of segments before they were compacted.', bytesBefore);
  text.single('compaction_bytes_after_total', 'counter', 'Bytes of what came of them.', bytesAfter);
}

function writeScrubbing(view: BrokerView, text: MetricText): void {
  const { rounds, segments, bytes, findings } = view.scrubber();
  text.single('scrub_rounds_total', 'counter', 'Times that all segments were read and checked.', rounds);
  text.single('scrub_segments_total', 'counter', 'Segments that were read and checked.', segments);
  text.single('scrub_bytes_total', 'counter', 'Bytes of them.', bytes);
  text.single('scrub_findings_total', 'counter', 'Damaged places found in them; the log names each.', findings);
}

/** -1 where the system does not tell. */
function openDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return -1;
  }
}
