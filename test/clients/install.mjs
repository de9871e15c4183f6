// Installs the foreign Kafka clients that the tests speak through, by package name with each language's own package client,
// into .cache/clients (and kcat into the system). What is already there is left alone. A toolchain that this machine lacks is
// named and skipped; the exit code is then 1, so that CI notices. Run by .ci/run, or by hand: `node test/clients/install.mjs`.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, '..', '..', '.cache', 'clients');
const failures = [];

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.error) throw new Error(`${command} is not on this machine`);
  if (result.status !== 0) throw new Error(`\`${command} ${args.join(' ')}\` failed with ${result.status}`);
}

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

/** Runs `install` unless the same recipe files were installed before. */
function step(name, recipes, install) {
  const stamp = join(cache, `${name}.installed`);
  const recipe = recipes.map((file) => readFileSync(join(here, file), 'utf8')).join('\n');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === recipe) {
    process.stdout.write(`${name}: there already\n`);
    return;
  }
  const beginMs = Date.now();
  try {
    mkdirSync(join(cache, name), { recursive: true });
    install(join(cache, name));
    writeFileSync(stamp, recipe);
    process.stdout.write(`${name}: installed in ${((Date.now() - beginMs) / 1000).toFixed(1)} s\n`);
  } catch (error) {
    failures.push(name);
    process.stdout.write(`${name}: NOT installed: ${error.message}\n`);
  }
}

function installKcat() {
  if (has('kcat')) return;
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo'];
  const [command, ...rest] = [...asRoot, 'apt-get'];
  run(command, [...rest, 'update', '-qq']);
  run(command, [...rest, 'install', '-y', '-qq', '--no-install-recommends', 'kcat'], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
}

function installPython(folder) {
  run('python3', ['-m', 'venv', folder]);
  run(join(folder, 'bin', 'pip'), [
    'install',
    '-q',
    '--disable-pip-version-check',
    '-r',
    join(here, 'python', 'requirements.txt'),
  ]);
}

const javaPrograms = readdirSync(join(here, 'java'))
  .filter((name) => name.endsWith('.java'))
  .map((name) => `java/${name}`);

function installJava(folder) {
  const lib = join(folder, 'lib');
  const classes = join(folder, 'classes');
  mkdirSync(classes, { recursive: true });
  run('mvn', [
    '-q',
    '-B',
    '-f',
    join(here, 'java', 'pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${lib}`,
  ]);
  run('javac', ['-cp', join(lib, '*'), '-d', classes, ...javaPrograms.map((file) => join(here, file))]);
}

function installGo(folder) {
  run('go', ['build', '-o', join(folder, 'round-trip'), '.'], { cwd: join(here, 'go') });
  run('go', ['build', '-o', join(folder, 'scenarios-franz'), './franz'], { cwd: join(here, 'go') });
  run('go', ['build', '-o', join(folder, 'scenarios-sarama'), './sarama'], { cwd: join(here, 'go') });
}

function installNewestNode(folder) {
  copyFileSync(join(here, 'platformatic', 'package.json'), join(folder, 'package.json'));
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
}

step('kcat', [], installKcat);
step('python', ['python/requirements.txt'], installPython);
step('java', ['java/pom.xml', ...javaPrograms], installJava);
step('go', ['go/go.mod', 'go/main.go', 'go/franz/main.go', 'go/sarama/main.go', 'go/scenario/scenario.go'], installGo);
step('newest-node', ['platformatic/package.json'], installNewestNode);
if (failures.length > 0) {
  process.stdout.write(`not installed: ${failures.join(', ')}\n`);
  process.exit(1);
}
