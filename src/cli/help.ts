/** The text of `perfbroker --help`. Flags come from the settings table. */
import { brokerSettings } from '../config/broker-settings.ts';
import { type AnySetting, formatValue } from '../config/settings.ts';

/** The address flags show the defaults they replace; they have none of their own. */
const shownDefaults: { readonly [flag: string]: string } = { host: '127.0.0.1', port: '9092' };
const COLUMN = 32;
const WIDTH = 100;

export function renderHelp(): string {
  const rows = Object.values(brokerSettings).flatMap((setting) => (setting.flag === null ? [] : [flagRow(setting)]));
  return [
    'perfbroker - a log broker that speaks the Kafka protocol',
    '',
    'Usage: perfbroker [flags]              run a broker',
    '       perfbroker COMMAND [options]     topics, records, groups, settings: see perfbroker help',
    '',
    ...sorted(rows),
    row('-c, --config FILE', 'Read settings from a .properties file, such as a server.properties of Kafka.'),
    row('-s, --set KEY=VALUE', 'Set any setting by its name; may be given several times.'),
    row('-h, --help', 'Show this text.'),
    row('-v, --version', 'Show the version.'),
    row('    --settings', 'Show all settings with their defaults and bounds.'),
    '',
    'A flag wins over --set, --set over the environment, the environment over the file. In the environment',
    'a setting is PERFBROKER_ and its name in capitals: PERFBROKER_PORT, PERFBROKER_LOG_SEGMENT_BYTES.',
    'All settings are listed by perfbroker --settings.',
    '',
    'Examples:',
    '  perfbroker                                   listen on 127.0.0.1:9092, keep data in ./data',
    '  perfbroker --partitions 64 --workers 8       new topics get 64 partitions, eight threads write',
    '  perfbroker --host 0.0.0.0 --advertise kafka.example:9092',
    '  perfbroker --durability fsync                answer a produce only when it survives a power cut',
    '',
  ].join('\n');
}

/** The order in which people need them. */
const order = ['port', 'host', 'data', 'partitions', 'workers', 'io', 'durability', 'disk-reserve', 'advertise'];

interface FlagRow {
  readonly name: string;
  readonly text: string;
}

function sorted(rows: readonly FlagRow[]): string[] {
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return rows.toSorted((a, b) => place(a.name) - place(b.name)).map(({ text }) => text);
}

function flagRow(setting: AnySetting): FlagRow {
  const flag = setting.flag ?? { name: '', alias: null, placeholder: '' };
  const short = flag.alias === null ? '    ' : `-${flag.alias}, `;
  const fallback = shownDefaults[flag.name] ?? formatValue(setting.default);
  const text = fallback === null || fallback === '' ? setting.doc : `${setting.doc} [${fallback}]`;
  return { name: flag.name, text: row(`${short}--${flag.name} ${flag.placeholder}`, text) };
}

/** Two columns; a long first one pushes the second below itself. */
function row(left: string, right: string): string {
  const lines = wrapped(right, WIDTH - COLUMN);
  const first = `  ${left}`;
  if (first.length >= COLUMN) lines.unshift('');
  return lines.map((line, index) => `${(index === 0 ? first : '').padEnd(COLUMN)}${line}`.trimEnd()).join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
