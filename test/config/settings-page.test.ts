import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { renderSettingsPage } from '../../src/config/settings-page.ts';

const page = new URL('../../docs/settings.md', import.meta.url);

it('docs/settings.md says what the tables say (WRITE_DOCS=1 writes it)', () => {
  const { WRITE_DOCS } = process.env;
  if (WRITE_DOCS === '1') writeFileSync(page, renderSettingsPage());
  expect(readFileSync(page, 'utf8')).toBe(renderSettingsPage());
});
