/**
 * Runs one script on both brokers and compares the two traces. A script is scripted by hand or generated; it is given a
 * session and a name of its own, so many may run at once.
 */
import { compareOutcomes, type FieldDifference, shown } from './difference.ts';
import type { Exchange, Trace } from './exchange.ts';
import { findKnown, type KnownDifference } from './known-differences.ts';
import { NormalForm } from './normal-form.ts';
import type { Peers } from './peers.ts';
import { Session } from './session.ts';
import { removeTopics } from './visibility.ts';

export interface Script {
  readonly name: string;
  /** Goes on after a difference: its exchanges mean something each by itself. */
  readonly goesOn: boolean;
  run(session: Session): Promise<void>;
}

export interface Finding extends FieldDifference {
  readonly script: string;
  readonly exchange: number;
  readonly api: string;
  readonly version: number;
  readonly request: string;
  readonly known: KnownDifference | null;
}

export interface Verdict {
  readonly script: string;
  readonly exchanges: readonly Exchange[];
  readonly findings: readonly Finding[];
  /** Exchanges without any difference. */
  readonly same: number;
}

export function runOne(port: number, script: Script, prefix: string): Promise<Trace> {
  const session = new Session(port, prefix);
  return script
    .run(session)
    .catch((error: unknown) => {
      // A broker that is gone, or an answer the script can do nothing with: a finding, unless both do the same.
      session.trace.failure = error instanceof Error ? error.message.replaceAll(String(port), 'PORT') : String(error);
    })
    .then(async () => {
      session.close();
      await removeTopics(port, prefix).catch(() => {});
      return session.trace;
    });
}

export async function compareScript(
  peers: Pick<Peers, 'kafka' | 'perfbroker'>,
  script: Script,
  prefix: string,
  known: readonly KnownDifference[],
): Promise<Verdict> {
  const [kafka, perfbroker] = await Promise.all([
    runOne(peers.kafka.port, script, prefix),
    runOne(peers.perfbroker.port, script, prefix),
  ]);
  return compareTraces(script, kafka, perfbroker, prefix, known);
}

export function compareTraces(
  script: Script,
  kafka: Trace,
  perfbroker: Trace,
  prefix: string,
  known: readonly KnownDifference[],
): Verdict {
  const forms = [new NormalForm(prefix), new NormalForm(prefix)] as const;
  const findings: Finding[] = [];
  let same = 0;
  const length = Math.min(kafka.exchanges.length, perfbroker.exchanges.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [kafka.exchanges[index], perfbroker.exchanges[index]];
    if (one === undefined || other === undefined) break;
    const differences = compareOutcomes(forms[0].outcomeOf(one), forms[1].outcomeOf(other));
    if (differences.length === 0) same++;
    for (const difference of differences) {
      findings.push({
        ...difference,
        script: script.name,
        exchange: index,
        api: one.api,
        version: one.version,
        request: `${shown(one.request)}${one.note === '' ? '' : ` ${one.note}`}`,
        known: findKnown(known, script.name, one.api, one.version, difference),
      });
    }
    // Once the states have parted, everything after says the same again.
    if (!script.goesOn && findings.some(partsStates)) break;
  }
  const isUnexplained = findings.every((finding) => finding.known !== null);
  // A script that cannot go on hides what comes after, whether it stops at one broker or at both.
  if (isUnexplained && (kafka.failure ?? perfbroker.failure) !== null)
    findings.push(failureFinding(script, kafka, perfbroker));
  return { script: script.name, exchanges: kafka.exchanges, findings, same };
}

/** Also an admitted difference in what was done leaves the brokers in different states. */
function partsStates(finding: Finding): boolean {
  // What a member of a share group is told later changes nothing of what it asks for.
  if (finding.known !== null && /assignment\.topicPartitions\.length$/.test(finding.field)) return false;
  return finding.known === null || /(?:errorCode|outcome|length|topicId)$/.test(finding.field);
}

function failureFinding(script: Script, kafka: Trace, perfbroker: Trace): Finding {
  const last = perfbroker.exchanges.at(-1);
  return {
    field: 'script',
    place: 'script',
    kafka: kafka.failure ?? 'goes on',
    perfbroker: perfbroker.failure ?? 'goes on',
    script: script.name,
    exchange: perfbroker.exchanges.length - 1,
    api: last?.api ?? '',
    version: last?.version ?? 0,
    request: shown(last?.request),
    known: null,
  };
}
