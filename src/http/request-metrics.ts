/** What the fronts counted: how full they are, and requests by API, added up over the fronts. */
import { API_BUCKETS, API_SHIFT, type ApiFigures, type FrontFigures } from '../net/front-tallies.ts';
import { tallyBounds, tallyNumbers } from '../zerocopy/tally.ts';
import type { BrokerView } from './broker-view.ts';
import { label, type MetricText } from './metric-text.ts';

const BOUNDS = tallyBounds(API_BUCKETS, API_SHIFT).map(String);

interface ApiRow {
  readonly label: string;
  readonly tally: Float64Array;
  readonly requests: number;
  readonly errors: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly throttled: number;
  readonly throttleSeconds: number;
}

export async function writeRequestMetrics(view: BrokerView, text: MetricText): Promise<void> {
  writeFronts(view, text);
  const rows = rowsOf(view);
  const family = (name: string, help: string, take: (row: ApiRow) => number): void => {
    text.family(name, 'counter', help);
    for (const row of rows) text.sample(row.label, take(row));
  };
  family('requests_total', 'Requests read, by API.', (row) => row.requests);
  family('request_errors_total', 'Requests whose answer holds an error.', (row) => row.errors);
  family('request_bytes_total', 'Bytes of requests.', (row) => row.bytesIn);
  family('response_bytes_total', 'Bytes of responses.', (row) => row.bytesOut);
  family('throttled_total', 'Answers that told the client to wait because of a quota.', (row) => row.throttled);
  family('throttle_seconds_total', 'How long they told clients to wait.', (row) => row.throttleSeconds);
  await text.body.room();
  const help =
    'From the read of a request to the turn in which its response leaves; long polls and joins wait on purpose.';
  text.family('request_seconds', 'histogram', help);
  for (const row of rows) text.histogram(row.label, row.tally, BOUNDS);
  await text.body.room();
}

function writeFronts(view: BrokerView, text: MetricText): void {
  const fronts = view.fronts.map((front) => front.figures);
  const family = (
    name: string,
    type: 'gauge' | 'counter',
    help: string,
    take: (front: FrontFigures) => number,
  ): void => {
    text.family(name, type, help);
    for (const [index, front] of fronts.entries()) text.sample(label('front', index), take(front));
  };
  family('connections', 'gauge', 'Open connections of clients.', (front) => front.connections);
  text.family('listener_connections', 'gauge', 'Open connections by the listener they came by.');
  for (const [listener, count] of view.connections()) text.sample(label('listener', listener), count);
  family('connections_accepted_total', 'counter', 'Connections that came.', (front) => front.accepted);
  family(
    'connections_delayed_total',
    'counter',
    'Connections that waited for max.connections or max.connection.creation.rate, of all or of their listener.',
    (front) => front.delayed,
  );
  family(
    'connections_refused_total',
    'counter',
    'Connections closed because their address has too many open.',
    (front) => front.refusedByAddress,
  );
  family(
    'connections_rate_refused_total',
    'counter',
    'Connections closed because their address opens them too fast.',
    (front) => front.refusedByRate,
  );
  family(
    'connections_idle_closed_total',
    'counter',
    'Connections closed after connections.max.idle.ms.',
    (front) => front.idleClosed,
  );
  family('fetches_parked', 'gauge', 'Fetches that wait for bytes.', (front) => front.parked);
  family(
    'requests_under_way',
    'gauge',
    'Requests not answered yet, parked ones among them.',
    (front) => front.exchanges,
  );
  family('receive_memory_bytes', 'gauge', 'Memory that requests hold.', (front) => front.receiveBytes);
  family('response_memory_bytes', 'gauge', 'Memory that responses hold.', (front) => front.responseBytes);
  family('front_seat', 'gauge', 'The processor its thread keeps to; -1: none.', (front) => front.seat);
  family(
    'front_seat_moves_total',
    'counter',
    'How often it took one, or another one, to follow its packets.',
    (front) => front.seatMoves,
  );
}

/** Only APIs that were asked for. */
function rowsOf(view: BrokerView): ApiRow[] {
  const rows: ApiRow[] = [];
  for (const { apiKey: key } of view.registry.ranges) {
    const figures = view.fronts.map((front) => front.figuresOf(key));
    const sum = (take: (of: ApiFigures) => number): number => figures.reduce((total, of) => total + take(of), 0);
    const requests = sum((of) => of.requests);
    if (requests === 0) continue;
    const tally = new Float64Array(tallyNumbers(API_BUCKETS));
    for (const of of figures)
      for (const [index, count] of of.tally.entries()) tally[index] = (tally[index] ?? 0) + count;
    rows.push({
      label: label('api', view.registry.find(key)?.name ?? String(key)),
      tally,
      requests,
      errors: sum((of) => of.errors) + view.answerErrors.countOf(key),
      bytesIn: sum((of) => of.bytesIn),
      bytesOut: sum((of) => of.bytesOut),
      throttled: sum((of) => of.throttled),
      throttleSeconds: sum((of) => of.throttleMs) / 1000,
    });
  }
  return rows;
}
