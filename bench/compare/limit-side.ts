/** The limit program at its turn: started for the turn alone, with the frames that the brokers get. It needs no warming. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { runLoad } from '../load/generator.ts';
import { ServingProgram } from '../load/programs.ts';
import { produceFrames, produceTurn } from './broker-side.ts';
import { fetchShape, fillFile } from './fetch-data.ts';
import type { FetchWork, ProduceWork, Row } from './rows.ts';
import { figuresOf, type Side, type TurnFigures, type TurnLength } from './turn.ts';

const HOST = '127.0.0.1';
const FRAME_BYTES_LEAST = 1 << 18;

export class LimitSide implements Side {
  readonly pid = 0;
  readonly #folder: string;
  readonly #fetchFrames: string;
  #answerBytes = 0;

  /** `fetchFrames` are the Fetch requests of one of the brokers: the limit program reads nothing but their number. */
  constructor(folder: string, fetchFrames: string) {
    this.#folder = folder;
    this.#fetchFrames = fetchFrames;
  }

  async prepare(row: Row): Promise<void> {
    if (row.work.kind !== 'fetch') return;
    const shape = fetchShape(this.#folder, row.work.partitions);
    this.#answerBytes = shape.answerBytes;
    fillFile(this.#file, shape);
  }

  turn(row: Row, length: TurnLength): Promise<TurnFigures> {
    const { work } = row;
    if (work.kind === 'produce') return this.#produce(work, length);
    if (work.kind === 'fetch') return this.#fetch(work, length);
    throw new Error('no limit program relays');
  }

  async finish(): Promise<void> {
    rmSync(this.#file, { force: true });
  }

  get #file(): string {
    return join(this.#folder, 'limit.log');
  }

  async #produce(work: ProduceWork, length: TurnLength): Promise<TurnFigures> {
    const frames = produceFrames(join(this.#folder, 'frames'), work, 'compare');
    const sink = await ServingProgram.start('sink', {
      file: this.#file,
      'head-bytes': frames.headBytes,
      'tail-bytes': frames.tailBytes,
      'frame-bytes-max': Math.max(FRAME_BYTES_LEAST, 2 * frames.frameBytes),
    });
    try {
      return await produceTurn(work, length, { host: HOST, port: sink.port, pid: sink.pid }, frames);
    } finally {
      await sink.stop();
      rmSync(this.#file, { force: true });
    }
  }

  async #fetch(work: FetchWork, length: TurnLength): Promise<TurnFigures> {
    const source = await ServingProgram.start('source', { file: this.#file, 'answer-bytes': this.#answerBytes });
    try {
      const result = await runLoad({
        host: HOST,
        port: source.port,
        pid: source.pid,
        ...length,
        mode: 'fetch',
        framesFile: this.#fetchFrames,
        connections: work.connections,
        inFlight: work.inFlight,
        requestsPerSecond: 0,
      });
      return figuresOf('fetch from the limit', result);
    } finally {
      await source.stop();
    }
  }
}
