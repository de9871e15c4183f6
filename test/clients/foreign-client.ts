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
      PROGRAM_MS_MAX,
    );
  }
}

/** Runs a program and returns what it printed; its complaints are in the error when it fails. */
export async function runProgram(
  file: string,
  parameters: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const { stdout } = await run(file, parameters, { ...options, timeout: PROGRAM_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX });
  return stdout;
}
