/**
 * A whole conformance run: the scripted exchanges, then generated sessions, a few at a time. A difference that a generated
 * session shows is believed when the same session shows it again by itself; then it is cut down to the steps it needs.
 */
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { compareScript, type Finding, type Script, type Verdict } from './comparison.ts';
import { shown } from './difference.ts';
import { makePlan, type OfferedApi, type Plan, runPlan } from './generated/plan.ts';
import type { KnownDifference } from './known-differences.ts';
import type { Peers } from './peers.ts';
import { loadSchemas } from './schemas.ts';
import { scripted } from './scripted/all.ts';
import { asScript } from './scripted/rows.ts';
import { Session } from './session.ts';
import { keyOf, Tally } from './tally.ts';
import { warmUp } from './warm-up.ts';

export interface RunOptions {
  readonly seed: number;
  /** Generated requests to send. */
  readonly count: number;
  /** Only requests of this API, or only this script or generated session. */
  readonly only: string | null;
  readonly withScripted: boolean;
  /** Differences are looked at once, neither repeated nor cut down. */
  readonly isQuick: boolean;
  readonly known: readonly KnownDifference[];
  readonly say: (line: string) => void;
}

/** Names of one run do not meet those of an earlier one on a broker that runs on. */
const runMark = Date.now().toString(36).slice(-6);
const SESSIONS_AT_ONCE = 8;
const CONFIRMED_MAX = 60;
const SHRINK_TRIALS_MAX = 40;

export async function runConformance(peers: Pick<Peers, 'kafka' | 'perfbroker'>, options: RunOptions): Promise<Tally> {
  await Promise.all([warmUp(peers.kafka.port), warmUp(peers.perfbroker.port)]);
  const offered = await offeredByBoth(peers);
  const tally = new Tally(offered, options.known);
  if (options.withScripted) {
    const wanted = scripted.filter(({ name }) => options.only === null || name.startsWith(options.only));
    const scripts = wanted.flatMap((script) => asScript(script, offered) ?? []);
    tally.scriptsLeftOut = wanted.length - scripts.length;
    await inParallel(scripts, SESSIONS_AT_ONCE, async (script, index) => {
      const first = await compareScript(peers, script, `s${index}x${runMark}-`, options.known);
      // Like generated ones, a difference has to show itself twice.
      const again = isSuspect(first)
        ? await compareScript(peers, script, `t${index}x${runMark}-`, options.known)
        : first;
      tally.takeScripted(again);
    });
    options.say(`scripted: ${tally.scriptedExchanges} exchanges, ${tally.differenceCount} differences`);
  }
  await new GeneratedRun(peers, options, offered, tally).run();
  return tally;
}

async function offeredByBoth(peers: Pick<Peers, 'kafka' | 'perfbroker'>): Promise<OfferedApi[]> {
  const ranges = await Promise.all([peers.kafka, peers.perfbroker].map(({ port }) => advertised(port)));
  const offered: OfferedApi[] = [];
  for (const api of await loadSchemas()) {
    const both = ranges.map((range) => range.get(api.key));
    if (both.some((range) => range === undefined)) continue;
    const first = Math.max(api.versions[0], ...both.map((range) => range?.[0] ?? 0));
    const last = Math.min(api.versions[1], ...both.map((range) => range?.[1] ?? 0));
    if (first <= last) offered.push({ api, versions: [first, last] });
  }
  return offered;
}

async function advertised(port: number): Promise<Map<number, readonly [number, number]>> {
  const session = new Session(port, '');
  const request = { clientSoftwareName: 'conformance', clientSoftwareVersion: '1' };
  const answer = await session.send(apiVersions, 3, request);
  session.close();
  return new Map(answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]));
}

class GeneratedRun {
  readonly #peers: Pick<Peers, 'kafka' | 'perfbroker'>;
  readonly #options: RunOptions;
  readonly #offered: readonly OfferedApi[];
  readonly #tally: Tally;
  #runs = 0;
  #sent = 0;
  #saidAt = 0;
  #index = 0;
  readonly #suspects: { plan: Plan; verdict: Verdict }[] = [];

  constructor(
    peers: Pick<Peers, 'kafka' | 'perfbroker'>,
    options: RunOptions,
    offered: readonly OfferedApi[],
    tally: Tally,
  ) {
    this.#peers = peers;
    this.#options = options;
    this.#offered = offered;
    this.#tally = tally;
  }

  async run(): Promise<void> {
    const { only } = this.#options;
    if (only?.startsWith('generated-') === true) return this.#repeat(Number(only.slice('generated-'.length)));
    if (only !== null && !this.#offered.some(({ api }) => api.name === only)) return;
    await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, () => this.#work()));
    await this.#confirm();
  }

  async #work(): Promise<void> {
    while (this.#sent < this.#options.count) {
      const only = this.#options.only;
      const plan = makePlan(this.#options.seed, this.#index++, this.#offered, only);
      const verdict = await this.#compare(plan);
      this.#sent += verdict.exchanges.length;
      this.#tally.takeGenerated(verdict);
      if (isSuspect(verdict)) this.#suspects.push({ plan, verdict });
      if (this.#sent - this.#saidAt >= this.#options.count / 10) {
        this.#saidAt = this.#sent;
        this.#options.say(`generated: ${this.#sent} requests, ${this.#suspects.length} sessions differ`);
      }
    }
  }

  #compare(plan: Plan, skipped: ReadonlySet<number> = new Set()): Promise<Verdict> {
    const script: Script = {
      name: `generated-${plan.index}`,
      goesOn: false,
      run: (session) => runPlan(plan, session, skipped),
    };
    return compareScript(this.#peers, script, `r${this.#runs++}x${runMark}-`, this.#options.known);
  }

  async #repeat(index: number): Promise<void> {
    const plan = makePlan(this.#options.seed, index, this.#offered, null);
    const verdict = await this.#compare(plan);
    this.#tally.takeGenerated(verdict);
    if (isSuspect(verdict)) this.#suspects.push({ plan, verdict });
    await this.#confirm();
  }

  /** Sessions ran beside each other before; now each runs alone, and must differ in the same way again. */
  async #confirm(): Promise<void> {
    for (const { plan, verdict } of this.#suspects) {
      const first = firstUnknown(verdict);
      if (first === undefined) continue;
      if (this.#options.isQuick || this.#tally.isConfirmed(first) || this.#tally.confirmedCount >= CONFIRMED_MAX) {
        this.#tally.confirm(first, null);
        continue;
      }
      const again = firstUnknown(await this.#compare(plan));
      if (again === undefined || keyOf(again) !== keyOf(first)) {
        this.#tally.dismiss(first, again ?? null);
        continue;
      }
      this.#tally.confirm(first, await this.#shrink(plan, first));
    }
  }

  /** Leaves out every step that the difference does not need. Returns what is left, as text. */
  async #shrink(plan: Plan, finding: Finding): Promise<string[]> {
    const skipped = new Set(plan.steps.keys());
    for (let index = 0; index <= finding.exchange; index++) skipped.delete(index);
    let trials = 0;
    let shortest: Verdict | null = null;
    for (let index = finding.exchange - 1; index >= 0 && trials < SHRINK_TRIALS_MAX; index--, trials++) {
      skipped.add(index);
      const verdict = await this.#compare(plan, skipped);
      const still = firstUnknown(verdict);
      if (still !== undefined && keyOf(still) === keyOf(finding)) shortest = verdict;
      else skipped.delete(index);
    }
    return (shortest?.exchanges ?? []).map(({ api, version, request, note }) =>
      `${api} v${version} ${shown(request)} ${note}`.trimEnd(),
    );
  }
}

function isSuspect(verdict: Verdict): boolean {
  return firstUnknown(verdict) !== undefined;
}

function firstUnknown(verdict: Verdict): Finding | undefined {
  return verdict.findings.find(({ known }) => known === null);
}

async function inParallel<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) {
      const item = items[index];
      if (item !== undefined) await work(item, index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
