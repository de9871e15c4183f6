/**
 * What the broker says to the people who run it: one line per event on standard error, written at once, from any
 * thread. Not for the data path: a line costs a system call. Every folder may log; only the roof creates loggers.
 *
 * Text lines are for eyes:   12:03:04.123 warn  worker-1  the disk is nearly full  path=/data freeBytes=1048576
 * JSON lines are for log collectors and come from pino. Importing pino takes 22 ms (Node 20, warm cache), as much as
 * the rest of the start together, so it is loaded only when JSON is asked for.
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type pino from 'pino';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'text' | 'json';
export type LogFields = Readonly<Record<string, unknown>>;
type LineLevel = Exclude<LogLevel, 'silent'>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Name of the thread, as the architecture page calls it: main, front-0, worker-1, … */
  readonly thread: string;
  readonly format?: LogFormat;
  readonly clock?: Clock;
  /** Takes whole lines; tests pass their own. */
  readonly write?: (line: string) => void;
}

const STDERR = 2;
/** A pipe that nobody reads refuses a line; after so many tries the line is dropped and the broker goes on. */
const WRITE_TRIES_MAX = 3;

export function createLogger(options: LoggerOptions): Logger {
  const write = options.write ?? writeToStderr;
  const sink = options.format === 'json' ? jsonSink(options, write) : textSink(options, write);
  const floor = LOG_LEVELS.indexOf(options.level);
  const say = (level: LineLevel) => (message: string, fields?: LogFields) => {
    if (LOG_LEVELS.indexOf(level) >= floor) sink(level, message, fields);
  };
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}

/** For tests and embedders that want silence. */
export const silentLogger: Logger = createLogger({ level: 'silent', thread: 'none' });

type Sink = (level: LineLevel, message: string, fields: LogFields | undefined) => void;

function textSink(options: LoggerOptions, write: (line: string) => void): Sink {
  const clock = options.clock ?? systemClock;
  return (level, message, fields) => {
    const time = new Date(clock.nowMs()).toISOString().slice(11, 23);
    let line = `${time} ${level.padEnd(5)} ${options.thread.padEnd(8)} ${message}`;
    if (fields !== undefined) {
      for (const [key, value] of Object.entries(fields)) line += `  ${key}=${fieldText(value)}`;
    }
    write(`${oneLine(line)}\n`);
  };
}

function jsonSink(options: LoggerOptions, write: (line: string) => void): Sink {
  const load = createRequire(import.meta.url);
  const createPino: typeof pino = load('pino');
  const clock = options.clock ?? systemClock;
  const logger = createPino(
    {
      level: 'debug',
      base: { thread: options.thread },
      timestamp: () => `,"time":${Math.floor(clock.nowMs())}`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  return (level, message, fields) => {
    const { error, ...rest } = fields ?? {};
    logger[level](error === undefined ? rest : { ...rest, err: error }, message);
  };
}

function fieldText(value: unknown): string {
  if (value instanceof Error) return quoteWhereNeeded(value.message);
  if (typeof value === 'object' && value !== null) return quoteWhereNeeded(JSON.stringify(value));
  return quoteWhereNeeded(String(value));
}

function quoteWhereNeeded(text: string): string {
  return text === '' || /[\s"=\p{Cc}]/u.test(text) ? JSON.stringify(text) : text;
}

/**
 * What a client sent may stand in a line: it must not be able to begin another, to speak to the terminal, or to have what
 * stands there read from right to left.
 */
function oneLine(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
}

function writeToStderr(line: string): void {
  const bytes = Buffer.from(line);
  let from = 0;
  for (let tries = 0; tries < WRITE_TRIES_MAX && from < bytes.length; tries++) {
    try {
      from += writeSync(STDERR, bytes, from);
    } catch {
      // EAGAIN: the reader is slow. EPIPE: there is none. A log line is worth neither a wait nor a crash.
    }
  }
}
