/** Renders docs/settings.md from the tables. A test fails when the page in the repository is stale. */
import { brokerSettings } from './broker-settings.ts';
import { environmentName } from './load.ts';
import { type AnySetting, describeBounds, formatValue } from './settings.ts';
import { brokerTwins, isTopicKey, topicSettings } from './topic-settings.ts';

export function renderSettingsPage(): string {
  const broker = Object.entries(brokerSettings).filter(([, setting]) => !setting.isInternal);
  const topic = Object.entries(topicSettings).filter(([, setting]) => !setting.isInternal);
  return [
    '# Settings',
    '',
    'Written by `src/config/settings-page.ts` from the tables that the broker itself reads; do not edit by hand.',
    '',
    'A setting can be given as a flag, with `--set key=value`, in the environment (`PERFBROKER_` and the key in capitals,',
    `dots as underscores: \`${environmentName('log.segment.bytes')}\`), or in a \`.properties\` file named by \`--config\`. A flag wins over`,
    '`--set`, that over the environment, that over the file. `9223372036854775807` means without limit.',
    '',
    '## Broker',
    '',
    '| setting | flag | type | default | allowed | what it does |',
    '|---|---|---|---|---|---|',
    ...broker.map(([key, setting]) => brokerRow(key, setting)),
    '',
    '## Topics',
    '',
    'Given when a topic is created; the broker setting in the last column is the default of all topics.',
    '',
    '| setting | type | default | allowed | what it does | broker setting |',
    '|---|---|---|---|---|---|',
    ...topic.map(([key, setting]) => topicRow(key, setting)),
    '',
  ].join('\n');
}

function brokerRow(key: string, setting: AnySetting): string {
  return row([
    code(key),
    flagCell(setting),
    typeCell(setting),
    defaultCell(setting),
    describeBounds(setting),
    setting.doc,
  ]);
}

function topicRow(key: string, setting: AnySetting): string {
  const twins = isTopicKey(key) ? brokerTwins[key].map((twin) => code(twin.key)).join(', ') : '';
  return row([code(key), typeCell(setting), defaultCell(setting), describeBounds(setting), setting.doc, twins]);
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

const code = (text: string): string => `\`${text}\``;

function flagCell(setting: AnySetting): string {
  if (setting.flag === null) return '';
  const alias = setting.flag.alias === null ? '' : `, ${code(`-${setting.flag.alias}`)}`;
  return `${code(`--${setting.flag.name}`)}${alias}`;
}

function typeCell(setting: AnySetting): string {
  return setting.unit === '' ? setting.type : `${setting.type}, ${setting.unit}`;
}

function defaultCell(setting: AnySetting): string {
  const text = formatValue(setting.default);
  if (text === null) return 'not set';
  return text === '' ? 'empty' : code(text);
}
