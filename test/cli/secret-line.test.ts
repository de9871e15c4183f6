/** A password typed by a person: read whole, shown to nobody, and given up without harm. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readSecrets } from '../../src/cli/secret-line.ts';
import { run } from './command-rig.ts';

/** As a terminal in raw mode sends it. */
async function typing(keys: string): Promise<{ readonly lines: readonly string[] | null; readonly shown: string }> {
  const [input, prompt] = [new PassThrough(), new PassThrough()];
  const read = readSecrets(input, prompt, ['Password: ', 'Again: ']);
  input.write(keys);
  const lines = await read;
  prompt.end();
  return { lines, shown: (await prompt.toArray()).map(String).join('') };
}

describe('lines that are not shown', () => {
  it('are read whole, with what was rubbed out, also when they are typed ahead', async () => {
    const { lines, shown } = await typing('geheimx\x7f ü\rgeheim\r');
    expect(lines).toEqual(['geheim ü', 'geheim']);
    expect(shown).toBe('Password: \nAgain: \n');
  });

  it('end with an empty one', async () => {
    expect((await typing('\r')).lines).toEqual(['']);
  });

  it('end as nothing when the person gives up', async () => {
    expect((await typing('geh\x03')).lines).toBe(null);
    expect((await typing('geheim\r\x04')).lines).toBe(null);
  });
});

describe('perfbroker user add at a terminal', () => {
  it.each([
    [['one', 'two'], 'the two passwords differ'],
    [null, 'no password was given'],
    [[''], 'the password is empty'],
  ])('changes nothing after %j', async (typed, said) => {
    const { exitCode, warnings, output } = await run(['user', 'add', 'alice', '-b', '127.0.0.1:1'], { typed });
    expect([exitCode === 0, output]).toEqual([false, '']);
    expect(warnings).toContain(said);
  });
});
