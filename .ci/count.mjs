// Prints the closing line of CI from the test runner's own report, and ends with 1 when anything failed. A step of CI that
// failed without a failed test (linter, installing, a smoke run, a runner that died) counts as one failure each.
import { existsSync, readFileSync } from 'node:fs';

const [reportFile, failedStepsText] = process.argv.slice(2);
const failedSteps = Number(failedStepsText);
const report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, 'utf8')) : null;
const passed = report?.numPassedTests ?? 0;
const failedTests = report?.numFailedTests ?? 0;
const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0);
// The step "tests" is one of the failed steps when tests failed; it must not count twice.
const failed = failedTests > 0 ? failedTests + failedSteps - 1 : failedSteps;
const isBroken = failed > 0 || passed === 0;
if (passed === 0) process.stdout.write('no test ran\n');
const total = isBroken && failed === 0 ? 1 : failed;
process.stdout.write(`${passed} passed, ${total} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = isBroken ? 1 : 0;
