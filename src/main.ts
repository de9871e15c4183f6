#!/usr/bin/env node
/**
 * The process: a console command, or command line → settings → broker → signals. What goes wrong becomes one sentence and
 * exit code 1. Commands and the broker are loaded when they are wanted, so that a command is there in a blink.
 */
import { readFileSync } from 'node:fs';
import { Fault, isFault } from './base/fault.ts';
import { boundNursery, keepNurseries } from './base/nursery.ts';
import type { Broker, BrokerFacts } from './broker.ts';
import type { DataToVerify, TellFound, Verified } from './cli/data-checker.ts';
import { isCommand, runCommand } from './cli/run-command.ts';
import type { StartFacts } from './cli/start-screen.ts';
import { processTerminal } from './cli/terminal.ts';
import type { BrokerConfig } from './config/broker-config.ts';

/** A stop that takes longer than this is given up: the data is in the page cache, and recovery knows how to go on. */
const STOP_WAIT_MS = 10_000;

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  if (isCommand(words)) {
    process.exitCode = await runCommand(words, processTerminal(), { checkData });
    return;
  }
  // Whoever reads the screen may have seen enough (`| head`): no reason to stop.
  process.stdout.on('error', () => {});
  const { readBrokerArguments } = await import('./cli/broker-arguments.ts');
  const given = readBrokerArguments(words);
  if (given.kind === 'help') {
    const { renderHelp } = await import('./cli/help.ts');
    process.stdout.write(renderHelp());
    return;
  }
  if (given.kind === 'version') {
    process.stdout.write(`perfbroker ${version()}\n`);
    return;
  }
  if (given.kind === 'settings') {
    const { renderSettingsPage } = await import('./config/settings-page.ts');
    process.stdout.write(renderSettingsPage());
    return;
  }
  const { textOfProperties } = await import('./config/properties-file.ts');
  const path = given.configPath;
  const file = path === null ? null : { path, content: textOfProperties(path, readConfig(path)) };
  // Loading some hundred modules makes it grow by 6 MB, which a resting broker keeps and never uses; the start takes 4 % longer.
  keepNurseries();
  const { loadBrokerConfig } = await import('./config/load.ts');
  const config = loadBrokerConfig({ flags: given.flags, sets: given.sets, environment: process.env, file });
  const { isTls, listenersOf } = await import('./config/listeners.ts');
  // No mask makes files that the broker itself cannot open again, and what Node writes when asked (reports, heap snapshots) is
  // for this user alone, as the data is.
  process.umask(0o077);
  const { Broker } = await import('./broker.ts');
  const broker = new Broker({ config, logLevel: 'info', logFormat: 'text', version: version() });
  stopOnSignals(broker);
  failOnBug(broker);
  if (listenersOf(config.values).some(({ protocol }) => isTls(protocol))) renewOnHangUp(broker);
  const facts = await broker.start();
  boundNursery();
  const { renderStartScreen } = await import('./cli/start-screen.ts');
  process.stdout.write(`${renderStartScreen(screenFacts(facts, config), process.stdout.isTTY === true)}\n`);
}

/** Commands do not see storage; this one looks at it through here. */
async function checkData(wish: DataToVerify, tell: TellFound): Promise<Verified> {
  const { checkData: check } = await import('./cluster/data-check.ts');
  return check(wish, tell);
}

function stopOnSignals(broker: Broker): void {
  let isStopping = false;
  const stopAtOnce = (why: string): never => {
    broker.abandon();
    process.stderr.write(`perfbroker: stopped at once: ${why}; the next start looks at the ends of the logs\n`);
    process.exit(1);
  };
  const stop = (): void => {
    if (isStopping) stopAtOnce('it was asked for twice');
    isStopping = true;
    const late = `closing took longer than ${STOP_WAIT_MS / 1000} s`;
    setTimeout(() => stopAtOnce(late), STOP_WAIT_MS).unref();
    broker.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Node would end the process as well, but wait for threads that sleep in the kernel, and go on serving meanwhile. */
function failOnBug(broker: Broker): void {
  process.on('uncaughtException', (error: unknown) =>
    broker.fail(error instanceof Error ? error : new Error(String(error))),
  );
}

/** Only where there are certificates: otherwise the end of its terminal ends a broker, as it ends any program. */
function renewOnHangUp(broker: Broker): void {
  process.on('SIGHUP', () => broker.reloadCertificates());
}

function screenFacts(facts: BrokerFacts, config: BrokerConfig): StartFacts {
  const { values } = config;
  return {
    version: version(),
    listeners: facts.listeners,
    http: facts.http,
    dataFolder: facts.dataFolder,
    ioPath: facts.io.path,
    ioReason: facts.io.reason,
    fronts: facts.fronts,
    tlsFronts: facts.tlsFronts,
    workers: facts.workers,
    durability: values['perfbroker.durability'] === 'fsync' ? 'fsync' : 'page-cache',
    flushWindowMs: values['perfbroker.flush.window.ms'],
    topics: facts.topics,
    partitions: facts.partitions,
    newTopicPartitions: values['num.partitions'],
    startedInMs: performance.now() - setUpMs(),
    hasRules: facts.hasRules,
    warnings: facts.warnings,
    notices: facts.notices,
  };
}

/** Installing and compiling at the first start, see `native-bindings/setup.mjs`; 0 when the broker was started itself. */
function setUpMs(): number {
  return performance.getEntriesByName('perfbroker: set up')[0]?.startTime ?? 0;
}

function readConfig(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Fault('PB_BAD_SETTING', `--config ${path} cannot be read; check the path and its rights`, { cause });
  }
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
}

function fail(error: unknown): never {
  const text = isFault(error) ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`perfbroker: ${text}\n`);
  process.exit(1);
}

main().catch(fail);
