/**
 * Certificates for tests, made by the `openssl` of the machine while they run: an authority, and what it signs. Without
 * that program there are none, and the tests that need them are skipped by name.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const hasOpenssl: boolean = spawnSync('openssl', ['version']).status === 0;

export interface Certificate {
  /** The certificate alone, its key alone, and both in one file, as PEM. */
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly file: string;
}

export class Authority {
  readonly folder: string;
  readonly name: string;
  readonly file: string;

  /** `folder` belongs to the test. With `above` it is an authority because that one says so. */
  constructor(folder: string, name = 'authority', above: Authority | null = null) {
    this.folder = folder;
    this.name = name;
    this.file = join(folder, `${name}.crt`);
    const key = join(folder, `${name}.key`);
    if (above === null)
      openssl(['req', '-x509', ...newKey(key), '-out', this.file, '-days', '3', '-subj', `/CN=${name}`]);
    else above.sign(name, `/CN=${name}`, 'basicConstraints=critical,CA:TRUE\n', 3);
  }

  get pem(): string {
    return readFileSync(this.file, 'utf8');
  }

  /** `subject` as openssl has it: "/C=DE/CN=alice". */
  issue(name: string, subject: string, days = 3): Certificate {
    const path = (extension: string) => join(this.folder, `${name}.${extension}`);
    this.sign(name, subject, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n', days);
    writeFileSync(path('pem'), readFileSync(path('key'), 'utf8') + readFileSync(path('crt'), 'utf8'));
    return { certificateFile: path('crt'), keyFile: path('key'), file: path('pem') };
  }

  private sign(name: string, subject: string, extensions: string, days: number): void {
    const path = (extension: string) => join(this.folder, `${name}.${extension}`);
    openssl(['req', '-utf8', ...newKey(path('key')), '-out', path('csr'), '-subj', subject]);
    writeFileSync(path('ext'), extensions);
    const authority = ['-CA', this.file, '-CAkey', join(this.folder, `${this.name}.key`), '-CAcreateserial'];
    const files = ['-in', path('csr'), '-out', path('crt'), '-extfile', path('ext')];
    openssl(['x509', '-req', ...files, ...authority, '-days', String(days)]);
  }

  /** Key, certificate and the authority's own in one PKCS12 file. */
  pkcs12(certificate: Certificate, password: string): string {
    const file = `${certificate.file}.p12`;
    const parts = ['-in', certificate.certificateFile, '-inkey', certificate.keyFile, '-certfile', this.file];
    openssl(['pkcs12', '-export', ...parts, '-out', file, '-passout', `pass:${password}`]);
    return file;
  }
}

/** Certificates alone in a PKCS12 file; `options` are openssl's. */
export function pkcs12Trust(certificateFile: string, password: string, options: readonly string[] = []): string {
  const file = `${certificateFile}.trust.p12`;
  const out = ['-out', file, '-passout', `pass:${password}`];
  openssl(['pkcs12', '-export', '-nokeys', '-in', certificateFile, ...out, ...options]);
  return file;
}

/** The same key, encrypted. */
export function encryptedKey(keyFile: string, password: string): string {
  const file = `${keyFile}.encrypted`;
  openssl(['pkcs8', '-topk8', '-in', keyFile, '-out', file, '-v2', 'aes-256-cbc', '-passout', `pass:${password}`]);
  return file;
}

function newKey(file: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file];
}

function openssl(args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
