/**
 * `perfbroker log dump FILE...`: what lies in the files of a partition, batch by batch, and whether it is sound. Folders
 * stand for all their files. Reads only; a running broker is not disturbed.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { Fault } from '../base/fault.ts';
import {
  batchBaseOffset,
  batchBaseSequence,
  batchCodec,
  batchCount,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchLeaderEpoch,
  batchMaxTimestamp,
  batchProducerEpoch,
  batchProducerId,
} from '../protocol/batch.ts';
import { RecordCursor } from '../protocol/records.ts';
import { defineCommand } from './command.ts';
import {
  abortedIndexOf,
  type BatchInFile,
  batchesOf,
  offsetIndexOf,
  producersOf,
  timeIndexOf,
} from './segment-file.ts';
import type { Terminal } from './terminal.ts';
import { painted, printable } from './text-table.ts';

const suffixes = ['.log', '.index', '.timeindex', '.txnindex', '.snapshot'];
const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
const INFLATED_BYTES_MAX = 256 << 20;
const VALUE_LETTERS_MAX = 120;
const PROBLEMS_SHOWN_MAX = 20;

export const logDump = defineCommand({
  words: 'log dump',
  needsArguments: true,
  summary: 'Show and verify the batches, records and indexes of segment files.',
  positional: { name: 'FILE', doc: 'A file of a partition, or its folder.', isRequired: true, isMany: true },
  options: {
    records: { kind: 'flag', names: ['print-data-log', 'deep-iteration'], doc: 'Show every record, not only batches.' },
    'verify-only': { kind: 'flag', doc: 'Show only what is wrong, and a line for each file.' },
    json: { kind: 'flag', doc: 'Print one JSON object a line instead of text.' },
    files: { kind: 'text', placeholder: 'FILE,FILE', doc: 'More files, as a list.' },
  },
  examples: ['log dump data/orders-0', 'log dump --records data/orders-0/00000000000000000000.log'],
  async run({ options, positionals, terminal }) {
    const paths = [...positionals, ...(options.files ?? '').split(',').filter((path) => path !== '')];
    const dump = new Dump(terminal, {
      isJson: options.json,
      showsRecords: options.records,
      isQuiet: options['verify-only'],
    });
    for (const path of paths.flatMap(filesOf)) await dump.file(path);
    return dump.problemCount === 0 ? 0 : 1;
  },
});

function filesOf(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new Fault('PB_BAD_SETTING', `there is no file ${path}; name a segment file or a folder`);
  if (!stat.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => suffixes.includes(extname(name)));
  if (names.length === 0) {
    throw new Fault(
      'PB_BAD_SETTING',
      `${path} holds no segment files; name the folder of a partition, such as data/orders-0`,
    );
  }
  return names.sort().map((name) => join(path, name));
}

interface DumpOptions {
  readonly isJson: boolean;
  readonly showsRecords: boolean;
  readonly isQuiet: boolean;
}

class Dump {
  problemCount = 0;
  private readonly terminal: Terminal;
  private readonly options: DumpOptions;

  constructor(terminal: Terminal, options: DumpOptions) {
    this.terminal = terminal;
    this.options = options;
  }

  async file(path: string): Promise<void> {
    const suffix = extname(path);
    if (!suffixes.includes(suffix)) {
      throw new Fault('PB_BAD_SETTING', `${path} is none of ${suffixes.map((each) => `*${each}`).join(', ')}`);
    }
    const before = this.problemCount;
    const count = suffix === '.log' ? await this.log(path) : await this.table(path, suffix);
    const found = this.problemCount - before;
    if (this.options.isJson) return;
    const verdict =
      found === 0 ? painted('sound', 'green', this.isColoured) : painted(`${found} problems`, 'red', this.isColoured);
    await this.terminal.write(`${path}: ${count} ${suffix === '.log' ? 'batches' : 'entries'}, ${verdict}\n`);
  }

  private get isColoured(): boolean {
    return this.terminal.isForPerson;
  }

  private async log(path: string): Promise<number> {
    let count = 0;
    for (const batch of batchesOf(path)) {
      if (batch.bytes > 0) count += 1;
      if (batch.problem !== null) await this.problem(path, `at byte ${batch.position}: ${batch.problem}`);
      if (batch.bytes === 0) break;
      if (!this.options.isQuiet) await this.line(batchRow(batch), batchText(batch));
      if (batch.problem === null) await this.records(path, batch);
    }
    return count;
  }

  /** Also unseen records are read: one that cannot be is a problem of the file. */
  private async records(path: string, batch: BatchInFile): Promise<void> {
    const cursor = new RecordCursor();
    try {
      cursor.open(batch.memory, 0, batch.bytes, INFLATED_BYTES_MAX);
      while (cursor.next()) {
        if (!this.options.showsRecords || this.options.isQuiet) continue;
        const row = {
          kind: 'record',
          offset: cursor.offset,
          timestamp: cursor.timestamp,
          key: textOf(cursor.key()),
          value: textOf(cursor.value()),
          headers: cursor.headers().map(({ key, value }) => ({ key, value: textOf(value) })),
        };
        const headers = row.headers.map(({ key, value }) => `${key}=${value ?? 'null'}`).join(',');
        const key = row.key === null ? 'null' : printable(row.key);
        const value = row.value === null ? 'null' : shortened(printable(row.value));
        await this.line(
          row,
          `  ${row.offset}  ${timeOf(row.timestamp)}  ${key} = ${value}${headers === '' ? '' : `  [${headers}]`}`,
        );
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      await this.problem(path, `at byte ${batch.position}: ${error.message}`);
    }
  }

  private async table(path: string, suffix: string): Promise<number> {
    const bytes = readFileSync(path);
    const base = Number(basename(path).split('.')[0]);
    if (suffix === '.index') return this.offsetIndex(path, bytes, base);
    if (suffix === '.timeindex') {
      const entries = timeIndexOf(bytes, base);
      await this.checkGrowth(
        path,
        entries.map(({ timestamp }) => timestamp),
        'timestamp',
      );
      return this.rows('time', entries);
    }
    if (suffix === '.txnindex') return this.rows('aborted', abortedIndexOf(bytes));
    const producers = producersOf(bytes);
    if (producers === null) await this.problem(path, 'its checksum or its lengths do not fit');
    return this.rows('producer', producers ?? []);
  }

  /** Every entry names the last offset of the batch that begins at its position. */
  private async offsetIndex(path: string, bytes: Uint8Array, base: number): Promise<number> {
    const entries = offsetIndexOf(bytes, base);
    const log = join(dirname(path), `${basename(path).split('.')[0] ?? ''}.log`);
    await this.checkGrowth(
      path,
      entries.map(({ offset }) => offset),
      'offset',
    );
    if (statSync(log, { throwIfNoEntry: false }) !== undefined) {
      const lastOffsets = new Map<number, number>();
      for (const batch of batchesOf(log)) {
        if (batch.bytes > 0) lastOffsets.set(batch.position, batchLastOffset(batch.memory.view, 0));
      }
      for (const { offset, position } of entries) {
        const actual = lastOffsets.get(position);
        if (actual === offset) continue;
        const what = actual === undefined ? 'no batch begins there' : `the batch there ends at offset ${actual}`;
        await this.problem(path, `offset ${offset} at byte ${position}: ${what}`);
      }
    }
    return this.rows('offset', entries);
  }

  private async checkGrowth(path: string, numbers: readonly number[], what: string): Promise<void> {
    for (const [index, number] of numbers.entries()) {
      const previous = numbers[index - 1];
      if (previous !== undefined && number <= previous) await this.problem(path, `${what} ${number} after ${previous}`);
    }
  }

  private async rows(kind: string, rows: readonly object[]): Promise<number> {
    if (!this.options.isQuiet) {
      for (const row of rows) {
        const text = Object.entries(row).map(([name, value]) => `${name}=${value}`);
        await this.line({ kind, ...row }, `  ${text.join('  ')}`);
      }
    }
    return rows.length;
  }

  private async line(json: object, text: string): Promise<void> {
    await this.terminal.write(`${this.options.isJson ? JSON.stringify(json) : text}\n`);
  }

  private async problem(path: string, text: string): Promise<void> {
    this.problemCount += 1;
    if (this.options.isJson) await this.line({ kind: 'problem', file: path, problem: text }, '');
    else if (this.problemCount <= PROBLEMS_SHOWN_MAX)
      this.terminal.warn(`${path}: ${painted(text, 'red', this.isColoured)}`);
  }
}

function batchRow({ position, bytes, memory: { view } }: BatchInFile) {
  return {
    kind: 'batch',
    position,
    bytes,
    baseOffset: batchBaseOffset(view, 0),
    lastOffset: batchLastOffset(view, 0),
    records: batchCount(view, 0),
    leaderEpoch: batchLeaderEpoch(view, 0),
    codec: codecNames[batchCodec(view, 0)] ?? 'unknown',
    maxTimestamp: batchMaxTimestamp(view, 0),
    producerId: batchProducerId(view, 0),
    producerEpoch: batchProducerEpoch(view, 0),
    baseSequence: batchBaseSequence(view, 0),
    isTransactional: batchIsTransactional(view, 0),
    isControl: batchIsControl(view, 0),
  };
}

function batchText(batch: BatchInFile): string {
  const row = batchRow(batch);
  const producer =
    row.producerId < 0 ? '' : `  producer ${row.producerId} epoch ${row.producerEpoch} sequence ${row.baseSequence}`;
  const kind = `${row.isTransactional ? ' transactional' : ''}${row.isControl ? ' control' : ''}`;
  return (
    `offsets ${row.baseOffset}..${row.lastOffset}  at ${row.position}  ${row.bytes} bytes  ${row.records} records  ` +
    `${row.codec}  epoch ${row.leaderEpoch}  ${timeOf(row.maxTimestamp)}${producer}${kind}`
  );
}

function timeOf(timestamp: number): string {
  return timestamp < 0 || timestamp > 8.64e15 ? String(timestamp) : new Date(timestamp).toISOString();
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('utf8');
}

function shortened(text: string): string {
  return text.length <= VALUE_LETTERS_MAX ? text : `${text.slice(0, VALUE_LETTERS_MAX)}… (${text.length} letters)`;
}
