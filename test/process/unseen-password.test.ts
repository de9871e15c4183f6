/** A password typed at a real terminal: Python's `pty` is the terminal, and tells all that a person would have seen. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { describeUserScramCredentials } from '../../src/protocol/schemas/50-describe-user-scram-credentials.ts';
import { mainFile, startBroker, temporaryFolder } from './spawned.ts';

const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0;
const PASSWORD = 'never-seen';
const WAIT_SECONDS = 30;

/** Types an answer as soon as its question stands there, and prints what the screen showed. */
const person = `
import os, pty, sys, time
pid, screen = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b''
def wait(text):
    global seen
    end = time.time() + ${WAIT_SECONDS}
    while text not in seen and time.time() < end:
        try:
            seen += os.read(screen, 4096)
        except OSError:
            break
for question in (b'Password: ', b'again: '):
    wait(question)
    os.write(screen, b'${PASSWORD}\\r')
wait(b'can log in')
os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)
`;

it.runIf(hasPython)('user add shows nothing of a password that is typed (python3)', { timeout: 60_000 }, async () => {
  const broker = startBroker(temporaryFolder());
  const port = await broker.port();
  const command = [process.execPath, mainFile, 'user', 'add', 'alice', '-b', `127.0.0.1:${port}`];
  const { stdout } = spawnSync('python3', ['-c', person, ...command], { encoding: 'utf8' });
  expect(stdout).toContain('alice can log in by SCRAM-SHA-512');
  expect(stdout).not.toContain(PASSWORD);
  const connection = await Connection.open({ host: '127.0.0.1', port });
  const { results } = await connection.request(describeUserScramCredentials, { users: [{ name: 'alice' }] });
  connection.close();
  expect(results[0]?.credentialInfos).toHaveLength(1);
  expect((await broker.stop('SIGTERM')).code).toBe(0);
});
