// `npm run sbom`: the bill of materials of what is shipped, as CycloneDX (or `-- --format spdx`) on standard output or in
// `--output FILE`: npm's own list of the production packages, and the native part, which npm does not know of. Exits with 1
// when a package has a licence that is not on the list below, so that a new one is looked at before it is shipped.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const formats = ['cyclonedx', 'spdx'];
/** Licences that go with Apache-2.0 and ask for no more than a notice. */
const allowed = new Set([
  'MIT',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  '0BSD',
  'Zlib',
  'CC0-1.0',
  'Unlicense',
]);

/** Names with the licences that nobody has said yes to; a choice ("MIT OR GPL-2.0") needs one that is allowed. */
export function unknownLicences(packages) {
  return packages.filter(({ licence }) => !isAllowed(licence)).map(({ name, licence }) => `${name}: ${licence}`);
}

function isAllowed(licence) {
  const bare = licence.replace(/[()]/g, '');
  return bare.split(' OR ').some((choice) => choice.split(' AND ').every((one) => allowed.has(one.trim())));
}

/** Of the production packages as they are installed: their own word, not the registry's. */
function installedPackages() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const found = [];
  for (const [path, { dev, optional, version, license }] of Object.entries(lock.packages)) {
    if (path === '' || dev === true) continue;
    const own = readPackage(join(root, path, 'package.json'));
    // Of platform packages only one is installed; what the lock says of the others has to do.
    if (own === null && optional !== true) throw new Error(`${path} is not installed; run npm ci`);
    const licence = own?.license ?? license ?? 'none';
    found.push({
      name: `${path.replace(/^.*node_modules\//, '')}@${version}`,
      licence: String(licence.type ?? licence),
    });
  }
  return found;
}

function readPackage(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

/** One hash over names and contents of the C sources, in the order of their names. */
function nativeHash() {
  const folder = join(root, 'native-bindings', 'src');
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort()) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  return hash.digest('hex');
}

/** "name@version" of whatever is there for development only. npm's own --omit=dev leaves out what both use. */
function developmentOnly() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const shipped = new Set();
  const development = new Set();
  for (const [path, { dev, devOptional, version }] of Object.entries(lock.packages)) {
    if (path === '') continue;
    const set = dev === true || devOptional === true ? development : shipped;
    set.add(`${path.replace(/^.*node_modules\//, '')}@${version}`);
  }
  return new Set([...development].filter((each) => !shipped.has(each)));
}

function listOfNpm(format) {
  const args = ['sbom', '--package-lock-only', `--sbom-format=${format}`];
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`npm sbom failed: ${stderr}`);
  return JSON.parse(stdout);
}

export function billOf(format) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const bill = listOfNpm(format);
  const native = `${name}-native`;
  const left = developmentOnly();
  if (format === 'spdx') {
    const gone = new Set();
    for (const each of bill.packages) if (left.has(`${each.name}@${each.versionInfo}`)) gone.add(each.SPDXID);
    bill.packages = bill.packages.filter(({ SPDXID }) => !gone.has(SPDXID));
    bill.relationships = bill.relationships.filter(
      (each) => !gone.has(each.spdxElementId) && !gone.has(each.relatedSpdxElement),
    );
    bill.name = `${name}@${version}`;
    const id = `SPDXRef-Package-${native}-${version}`;
    const shipped = bill.packages.find((each) => each.versionInfo === version && each.SPDXID.endsWith(version));
    if (shipped !== undefined) shipped.name = name;
    bill.packages.push({
      ...{ name: native, SPDXID: id, versionInfo: version, downloadLocation: 'NOASSERTION', filesAnalyzed: false },
      ...{ licenseDeclared: license, checksums: [{ algorithm: 'SHA256', checksumValue: nativeHash() }] },
    });
    const [described] = bill.documentDescribes ?? [];
    if (described !== undefined)
      bill.relationships.push({ spdxElementId: described, relatedSpdxElement: id, relationshipType: 'CONTAINS' });
    return bill;
  }
  bill.metadata.component.name = name;
  bill.components = bill.components.filter(
    (each) => !left.has(`${each.group ? `${each.group}/` : ''}${each.name}@${each.version}`),
  );
  const kept = bill.dependencies.filter(({ ref }) => !left.has(ref));
  bill.dependencies = kept.map(({ ref, dependsOn = [] }) => ({
    ref,
    dependsOn: dependsOn.filter((each) => !left.has(each)),
  }));
  bill.components.push({
    ...{ 'bom-ref': `${native}@${version}`, type: 'library', name: native, version, scope: 'optional' },
    description: 'The native part, compiled from native-bindings/src where the broker is installed',
    hashes: [{ alg: 'SHA-256', content: nativeHash() }],
    licenses: [{ license: { id: license } }],
  });
  return bill;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const options = { format: { type: 'string', default: 'cyclonedx' }, output: { type: 'string' } };
  const { format, output } = parseArgs({ options }).values;
  if (!formats.includes(format)) throw new Error(`--format is one of ${formats.join(', ')}`);
  const text = `${JSON.stringify(billOf(format), null, 2)}\n`;
  if (output === undefined) process.stdout.write(text);
  else writeFileSync(output, text);
  const unknown = unknownLicences(installedPackages());
  if (unknown.length > 0) {
    process.stderr.write(`licences to look at before shipping:\n${unknown.map((line) => `  ${line}\n`).join('')}`);
    process.exitCode = 1;
  }
}
