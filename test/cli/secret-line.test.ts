/** A password typed by a person: read whole, shown to nobody, and given up without harm. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readSecret } from '../../src/cli/secret-line.ts';
import { run } from './command-rig.ts';

/** As a terminal in raw mode sends it. */
async function typing(keys: string): Promise<{ readonly line: string | null; readonly shown: string }> {
  const [input, prompt] = [new PassThrough(), new PassThrough()];
  const read = readSecret(input, prompt, 'Password: ');
  input.write(keys);
  const line = await read;
  prompt.end();
  return { line, shown: (await prompt.toArray()).map(String).join('') };
}

describe('a line that is not shown', () => {
  it('is read whole, with what was rubbed out', async () => {
    expect(await typing('geheimx\x7f ü\r')).toEqual({ line: 'geheim ü', shown: 'Password: \n' });
  });

  it('ends as nothing when the person gives up', async () => {
    expect((await typing('geh\x03')).line).toBe(null);
    expect((await typing('\x04')).line).toBe(null);
  });

  it('can be asked for twice in a row', async () => {
    const [input, prompt] = [new PassThrough(), new PassThrough()];
    const first = readSecret(input, prompt, '');
    input.write('one\r');
    expect(await first).toBe('one');
    const second = readSecret(input, prompt, '');
    input.write('two\r');
    expect(await second).toBe('two');
  });
});

describe('perfbroker user add at a terminal', () => {
  it.each([
    [['one', 'two'], 'the two passwords differ'],
    [['one', null], 'no password was given'],
    [[null], 'no password was given'],
    [[''], 'the password is empty'],
  ])('changes nothing after %j', async (typed, said) => {
    const { exitCode, warnings, output } = await run(['user', 'add', 'alice', '-b', '127.0.0.1:1'], { typed });
    expect([exitCode === 0, output]).toEqual([false, '']);
    expect(warnings).toContain(said);
  });
});
