/**
 * `perfbroker log verify`: checks every file of a data folder against its checksums and against each other, offline or beside
 * a running broker, and changes nothing. Exit code 0: all is sound, 1: something is not, 2: it could not look.
 */
import { isFault } from '../base/fault.ts';
import { defineCommand } from './command.ts';
import { painted } from './text-table.ts';

const DATA_DEFAULT = './data';
const SOUND = 0;
const DAMAGED = 1;
const NOT_LOOKED = 2;

export const logVerify = defineCommand({
  words: 'log verify',
  needsArguments: false,
  misuseCode: NOT_LOOKED,
  summary: 'Check every file of a data folder, and say what a start would do about what is wrong.',
  positional: {
    name: 'TOPIC-PARTITION',
    doc: 'Only these, such as orders-0; all without any.',
    isRequired: false,
    isMany: true,
  },
  options: {
    data: { kind: 'text', alias: 'd', placeholder: 'FOLDER', doc: 'The data folder; ./data unless named.' },
    json: { kind: 'flag', doc: 'Print one JSON object a line: each finding, then a summary.' },
  },
  examples: ['log verify', 'log verify --data /var/lib/perfbroker orders-0 orders-1'],
  async run({ options, positionals, terminal, services }) {
    const root = options.data ?? DATA_DEFAULT;
    const lines: string[] = [];
    let count = 0;
    const tellAll = async (): Promise<void> => {
      for (const line of lines) {
        if (options.json) await terminal.write(`${line}\n`);
        else terminal.warn(painted(line, 'red', terminal.isForPerson));
      }
    };
    try {
      const verified = await services.checkData({ root, partitions: positionals }, (found, sentence) => {
        count += 1;
        lines.push(options.json ? JSON.stringify({ kind: 'finding', ...found }) : sentence);
      });
      await tellAll();
      const { partitions, segments, batches, bytes, isLive, isClean } = verified;
      const summary = { kind: 'summary', partitions, segments, batches, bytes, isLive, isClean, findings: count };
      const state = isLive ? ', beside a running broker' : isClean ? '' : '; the last stop was not clean';
      const verdict = count === 0 ? painted('sound', 'green', terminal.isForPerson) : `${count} findings`;
      await terminal.write(
        options.json
          ? `${JSON.stringify(summary)}\n`
          : `${root}: ${partitions} partitions, ${segments} segments, ${batches} batches, ${bytes} bytes: ${verdict}${state}\n`,
      );
      return count === 0 ? SOUND : DAMAGED;
    } catch (error) {
      if (!isFault(error)) throw error;
      await tellAll();
      terminal.warn(`perfbroker: ${error.message}`);
      return NOT_LOOKED;
    }
  },
});
