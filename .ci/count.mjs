// Prints the closing lines of CI from the test runner's own report: every failed test by name with the first lines of its
// message, then the counts. Ends with 1 when anything failed. A step of CI that failed without a failed test (linter,
// installing, a smoke run, a runner that died) counts as one failure each.
import { existsSync, readFileSync } from 'node:fs';

const MESSAGE_LINES_MAX = 12;

const [reportFile, failedStepsText] = process.argv.slice(2);
const failedSteps = Number(failedStepsText);
const report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, 'utf8')) : null;
const passed = report?.numPassedTests ?? 0;
const failedTests = report?.numFailedTests ?? 0;
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);

for (const file of report?.testResults ?? []) {
  const failures = file.assertionResults.filter((test) => test.status === 'failed');
  const messages = failures.map((test) => [test.fullName, ...(test.failureMessages ?? [])].join('\n'));
  // A file that failed before its first test has a message of its own.
  if (file.status === 'failed' && failures.length === 0) messages.push(file.message ?? 'no test of it ran');
  for (const message of messages) {
    const lines = message.split('\n').slice(0, MESSAGE_LINES_MAX);
    process.stdout.write(`FAILED ${file.name}\n  ${lines.join('\n  ')}\n`);
  }
}

// The step "tests" is one of the failed steps when tests failed; it must not count twice.
const failed = failedTests > 0 ? failedTests + failedSteps - 1 : failedSteps;
const isBroken = failed > 0 || passed === 0;
if (passed === 0) process.stdout.write('no test ran\n');
const total = isBroken && failed === 0 ? 1 : failed;
process.stdout.write(`${passed} passed, ${total} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = isBroken ? 1 : 0;
