/** What is shipped: the files of the package and nothing beside them, a bill of materials, licences that were said yes to. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './spawned.ts';

interface PackedFile {
  readonly path: string;
  readonly size: number;
  readonly mode: number;
}

function node(
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', input, maxBuffer: 64 << 20 });
}

function packed(): readonly PackedFile[] {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
  });
  const [report] = Object.values(JSON.parse(stdout));
  return (report as { readonly files: readonly PackedFile[] }).files;
}

describe('the package', () => {
  const files = packed();

  it('has what runs and what explains it, and no tests, benches, maps, data or secrets', () => {
    const paths = files.map(({ path }) => path);
    const places = [
      /^dist\/src\/.*\.(js|d\.ts)$/,
      /^native-bindings\/(command|compile|layout|setup)\.mjs$/,
      /^native-bindings\/src\/[a-z0-9-]+\.[ch]$/,
      /^native-bindings\/README\.md$/,
      /^docs\/[a-z-]+\.md$/,
      /^docs\/figures\/[a-z0-9-]+\.(svg|png)$/,
      /^packaging\/perfbroker\.service$/,
      /^(README|SECURITY)\.md$/,
      /^(LICENSE|package\.json)$/,
    ];
    expect(paths.filter((path) => !places.some((place) => place.test(path)))).toEqual([]);
    for (const wanted of [
      'dist/src/main.js',
      'dist/src/broker.d.ts',
      'native-bindings/src/layout.h',
      'SECURITY.md',
      'LICENSE',
    ])
      expect(paths).toContain(wanted);
  });

  it('has modes that no user can write through but its owner, and no text that looks like a key', () => {
    const secrets =
      /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bnpm_[A-Za-z0-9]{30,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bAKIA[0-9A-Z]{16}\b/;
    for (const { path, mode } of files) {
      expect([path, mode & 0o022]).toEqual([path, 0]);
      expect([path, secrets.test(readFileSync(join(root, path), 'latin1'))]).toEqual([path, false]);
    }
  });
});

describe('the bill of materials', () => {
  it('names every production package, those of other platforms too, and the native part with its hash', () => {
    const { status, stdout, stderr } = node(['packaging/sbom.mjs']);
    expect([status, stderr]).toEqual([0, '']);
    const bill = JSON.parse(stdout);
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: 'perfbroker' } } });
    const names: string[] = bill.components.map(({ name }: { name: string }) => name);
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(names).toEqual(expect.arrayContaining([...Object.keys(manifest.dependencies), 'perfbroker-native']));
    for (const name of Object.keys(manifest.devDependencies)) expect(names).not.toContain(name);
    expect(bill.components.at(-1).hashes[0].content).toMatch(/^[0-9a-f]{64}$/);
    const spdx = JSON.parse(node(['packaging/sbom.mjs', '--format', 'spdx']).stdout);
    expect(spdx).toMatchObject({ spdxVersion: 'SPDX-2.3', name: `perfbroker@${manifest.version}` });
    expect(spdx.packages.length).toBe(names.length + 1);
  });

  it('stops at a licence that nobody has looked at', () => {
    const program = `import { unknownLicences } from './packaging/sbom.mjs';
      const of = (licence) => unknownLicences([{ name: 'a', licence }]).length;
      process.stdout.write(JSON.stringify(['MIT', 'GPL-3.0', '(MIT OR GPL-3.0)', 'MIT AND GPL-3.0', 'none'].map(of)));`;
    expect(node(['--input-type=module', '-e', program]).stdout).toBe('[0,1,0,1,1]');
  });
});

describe('the audit of packages', () => {
  const judge = (report: unknown): { readonly exitCode: number; readonly text: string } => {
    const program = `import { readFileSync } from 'node:fs'; import { judge } from './packaging/audit.mjs';
      process.stdout.write(JSON.stringify(judge(readFileSync(0, 'utf8'))));`;
    return JSON.parse(node(['--input-type=module', '-e', program], JSON.stringify(report)).stdout);
  };

  it('fails with names where there is something, and not where a registry cannot tell', () => {
    const metadata = { vulnerabilities: { total: 1 }, dependencies: { total: 90 } };
    const vulnerabilities = { bad: { name: 'bad', severity: 'high', range: '<1.2.3' } };
    expect(judge({ vulnerabilities, metadata })).toMatchObject({
      exitCode: 1,
      text: expect.stringContaining('high in bad <1.2.3'),
    });
    expect(judge({ vulnerabilities: {}, metadata })).toEqual({
      exitCode: 0,
      text: 'no known vulnerability in 90 packages',
    });
    expect(judge({ message: '405 Method Not Allowed', error: { summary: '' } })).toMatchObject({
      exitCode: 0,
      text: expect.stringContaining('not found out'),
    });
  });
});
