/**
 * What all tests with a foreign client share: how many records, skipping by name and reason where a toolchain is missing
 * (a failure in CI, where everything is installed), and running a foreign round-trip program.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectRoot } from './broker-process.ts';
import { type CodecName, codecNames, type Outcome } from './expected-records.ts';
import { makeTopic, type ServerUnderTest, startServer } from './server-under-test.ts';

const run = promisify(execFile);
const PROGRAM_MS_MAX = 180_000;
const LAST_WORDS_MS = 2000;
const LAST_WORDS_MAX = 8000;
/** A program that hangs is ended before its test is, so that the error tells what it said. */
const CASE_MS_MAX = PROGRAM_MS_MAX + 20_000;
const OUTPUT_BYTES_MAX = 1 << 30;
const RECORDS_DEFAULT = 20_000;
export const PARTITIONS = 3;

export const clientsCache: string = join(projectRoot, '.cache', 'clients');

/** Records of one client over its five codecs; `npm run nightly:clients` raises it. */
export const recordsPerCodec: number = Math.ceil(
  Number(process.env['PERFBROKER_CLIENT_RECORDS'] ?? RECORDS_DEFAULT) / codecNames.length,
);

export function wholeOutcome(count: number): Outcome {
  return { sent: count, read: count, lost: 0, doubled: 0, changed: 0 };
}

/** Skips by name and reason where one of the files in `needs` is missing; in CI that is a failure. */
export function describeInstalled(name: string, needs: readonly string[], body: () => void): void {
  const missing = needs.find((file) => !existsSync(file));
  if (missing === undefined) {
    describe(name, body);
    return;
  }
  const reason = `${missing.replace(`${projectRoot}/`, '')} is not there: run node test/clients/install.mjs`;
  if (process.env['CI'] === 'true') it(`${name} is installed in CI`, () => expect.fail(reason));
  else describe.skip(`${name} (${reason})`, () => it('is not installed', () => {}));
}

/** Tests of one client, with a server of their own. */
export function describeForeign(
  name: string,
  needs: readonly string[],
  body: (server: () => ServerUnderTest) => void,
): void {
  describeInstalled(name, needs, () => {
    let server: ServerUnderTest | null = null;
    beforeAll(async () => {
      server = await startServer();
    });
    afterAll(async () => {
      await server?.dispose();
    });
    body(() => {
      if (server === null) throw new Error('the server did not start');
      return server;
    });
  });
}

/** One test per codec for a program that prints its outcome: PROGRAM … BOOTSTRAP TOPIC CODEC COUNT PARTITIONS. */
export function itRoundTrips(
  server: () => ServerUnderTest,
  command: (bootstrap: string, topic: string, codec: CodecName, count: number) => readonly [string, readonly string[]],
  options: { readonly cwd?: string } = {},
): void {
  for (const codec of codecNames) {
    it(
      `gets back what it wrote with ${codec}`,
      async () => {
        const topic = `round-trip-${codec}`;
        await makeTopic(server(), topic, PARTITIONS);
        const [file, parameters] = command(server().address, topic, codec, recordsPerCodec);
        const said = await runProgram(file, parameters, options);
        expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual(wholeOutcome(recordsPerCodec));
      },
      CASE_MS_MAX,
    );
  }
}

/**
 * Runs a program and returns what it printed; its complaints are in the error when it fails. One that hangs is asked where
 * it stands before it is ended: on SIGQUIT a JVM and a Go program tell what each of their threads waits for.
 */
export async function runProgram(
  file: string,
  parameters: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const running = run(file, parameters, { ...options, maxBuffer: OUTPUT_BYTES_MAX });
  let hasHung = false;
  const hung = setTimeout(() => {
    hasHung = true;
    running.child.kill('SIGQUIT');
  }, PROGRAM_MS_MAX);
  const ended = setTimeout(() => running.child.kill('SIGKILL'), PROGRAM_MS_MAX + LAST_WORDS_MS);
  try {
    return (await running).stdout;
  } catch (error) {
    if (!(error instanceof Error) || !('stdout' in error) || !('stderr' in error)) throw error;
    const { exitCode, signalCode } = running.child;
    const end = hasHung ? `had not ended after ${PROGRAM_MS_MAX} ms` : `ended with ${signalCode ?? exitCode}`;
    const said = [error.stderr, error.stdout].map((text) => String(text).slice(0, LAST_WORDS_MAX)).join('\n');
    throw new Error(`${file} ${parameters.join(' ')} ${end}; it said:\n${said}`);
  } finally {
    clearTimeout(hung);
    clearTimeout(ended);
  }
}
