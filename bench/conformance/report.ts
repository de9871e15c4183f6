/** What a run says at its end: counts side by side, then every difference with the way to see it again. */
import type { Tally } from './tally.ts';

const DISMISSED_SHOWN_MAX = 10;

/** Returns the exit code. */
export function printReport(tally: Tally, seed: number, isWhole: boolean): number {
  const say = (line: string) => process.stdout.write(`${line}\n`);
  say('');
  for (const line of tally.table()) say(line);
  say('');
  for (const { finding, times, shortest } of tally.differences.values()) {
    say(`DIFFERENT ${finding.api} v${finding.version}, ${finding.place}${times > 1 ? ` (${times} times)` : ''}`);
    say(`  Kafka:      ${finding.kafka}`);
    say(`  perfbroker: ${finding.perfbroker}`);
    say(`  request:    ${finding.request}`);
    for (const line of shortest) say(`  after:      ${line}`);
    say(
      `  again:      npm run conformance -- --seed ${seed} --only ${finding.script}   (exchange ${finding.exchange})`,
    );
  }
  if (tally.dismissed > 0) {
    say(`${tally.dismissed} differences did not show again when their session ran by itself:`);
    for (const example of tally.dismissedExamples.slice(0, DISMISSED_SHOWN_MAX)) say(`  ${example}`);
  }
  if (isWhole) {
    for (const row of tally.unmet())
      say(`not met: docs/compatibility.md:${row.line} ${row.api} ${row.field}: ${row.why}`);
  }
  if (tally.scriptsLeftOut > 0) say(`${tally.scriptsLeftOut} scripts ask for an API that one broker does not offer`);
  const { scriptedExchanges, generatedExchanges, differenceCount } = tally;
  say(
    `seed ${seed}: ${scriptedExchanges} scripted and ${generatedExchanges} generated exchanges, ${differenceCount} differences`,
  );
  return differenceCount > 0 ? 1 : 0;
}
