/** Counts what a run found, API by API, and prints it side by side. */
import type { Finding, Verdict } from './comparison.ts';
import type { OfferedApi } from './generated/plan.ts';
import type { KnownDifference } from './known-differences.ts';

interface ApiCounts {
  scripted: number;
  generated: number;
  same: number;
  known: number;
  different: number;
  versions: Set<number>;
  answered: number;
  closed: number;
  silent: number;
}

const KEY_CHARACTERS_MAX = 120;

export interface ConfirmedDifference {
  readonly finding: Finding;
  times: number;
  /** The requests that suffice to show it. */
  shortest: readonly string[];
}

export class Tally {
  scriptedExchanges = 0;
  /** They need an API that one of the brokers does not have. */
  scriptsLeftOut = 0;
  generatedExchanges = 0;
  dismissed = 0;
  readonly dismissedExamples: string[] = [];
  readonly differences = new Map<string, ConfirmedDifference>();
  readonly #offered: readonly OfferedApi[];
  readonly #known: readonly KnownDifference[];
  readonly #knownTimes = new Map<KnownDifference, number>();
  readonly #counts = new Map<string, ApiCounts>();

  constructor(offered: readonly OfferedApi[], known: readonly KnownDifference[]) {
    this.#offered = offered;
    this.#known = known;
  }

  get differenceCount(): number {
    return this.differences.size;
  }

  get confirmedCount(): number {
    return this.differences.size;
  }

  takeScripted(verdict: Verdict): void {
    this.scriptedExchanges += verdict.exchanges.length;
    this.#count(verdict, 'scripted');
    for (const finding of verdict.findings) if (finding.known === null) this.confirm(finding, null);
  }

  takeGenerated(verdict: Verdict): void {
    this.generatedExchanges += verdict.exchanges.length;
    this.#count(verdict, 'generated');
  }

  isConfirmed(finding: Finding): boolean {
    return this.differences.has(keyOf(finding));
  }

  confirm(finding: Finding, shortest: readonly string[] | null): void {
    const seen = this.differences.get(keyOf(finding));
    if (seen === undefined) this.differences.set(keyOf(finding), { finding, times: 1, shortest: shortest ?? [] });
    else seen.times++;
  }

  dismiss(finding: Finding, again: Finding | null): void {
    this.dismissed++;
    const later =
      again === null
        ? 'nothing'
        : `${again.api} v${again.version} ${again.place}: ${again.kafka} / ${again.perfbroker}`;
    this.dismissedExamples.push(
      `${finding.script} #${finding.exchange} ${finding.api} v${finding.version} ${finding.place}: Kafka ${finding.kafka}, perfbroker ${finding.perfbroker}; by itself: ${later}`,
    );
  }

  /** Admitted differences that this run did not meet. */
  unmet(): readonly KnownDifference[] {
    return this.#known.filter((row) => !this.#knownTimes.has(row));
  }

  table(): string[] {
    const rows = this.#offered.map(({ api, versions }) => {
      const counts = this.#counts.get(api.name) ?? noCounts();
      const versionCount = versions[1] - versions[0] + 1;
      return [
        api.name,
        `${versions[0]}-${versions[1]}`,
        `${counts.versions.size}/${versionCount}`,
        ...[counts.scripted, counts.generated, counts.answered, counts.closed, counts.silent],
        ...[counts.same, counts.known, counts.different],
      ].map(String);
    });
    const heading = [
      'API',
      'versions',
      'met',
      'scripted',
      'generated',
      'answered',
      'closed',
      'silent',
      'same',
      'known',
      'different',
    ];
    return aligned([heading, ...rows]);
  }

  #count(verdict: Verdict, kind: 'scripted' | 'generated'): void {
    const byExchange = new Map<number, Finding[]>();
    for (const finding of verdict.findings) {
      byExchange.set(finding.exchange, [...(byExchange.get(finding.exchange) ?? []), finding]);
      if (finding.known !== null) this.#knownTimes.set(finding.known, (this.#knownTimes.get(finding.known) ?? 0) + 1);
    }
    for (const exchange of verdict.exchanges) {
      const counts = this.#counts.get(exchange.api) ?? noCounts();
      this.#counts.set(exchange.api, counts);
      counts[kind]++;
      counts.versions.add(exchange.version);
      if (exchange.outcome.kind === 'closed') counts.closed++;
      else if (exchange.outcome.kind === 'silent') counts.silent++;
      else counts.answered++;
      const findings = byExchange.get(exchange.index) ?? [];
      if (findings.length === 0) counts.same++;
      else if (findings.every(({ known }) => known !== null)) counts.known++;
      else counts.different++;
    }
  }
}

/** What makes two differences the same difference: names of sessions and whole lists are left out. */
export function keyOf(finding: Finding): string {
  if (finding.field.endsWith('.length')) return `${finding.api} ${finding.field}`;
  const plain = (text: string) => text.replaceAll(/[rst]\d+x\w{6}-/g, '').slice(0, KEY_CHARACTERS_MAX);
  return `${finding.api} ${finding.field} ${plain(finding.kafka)} ${plain(finding.perfbroker)}`;
}

function noCounts(): ApiCounts {
  return {
    scripted: 0,
    generated: 0,
    same: 0,
    known: 0,
    different: 0,
    versions: new Set(),
    answered: 0,
    closed: 0,
    silent: 0,
  };
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
