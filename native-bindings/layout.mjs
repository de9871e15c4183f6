// Writes src/layout.h, the C face of src/zerocopy/layout.ts. Run it after `npm run build` when layout.ts changed
// (`node native-bindings/layout.mjs`); a test fails as long as the header is stale.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const { layoutHeader } = await import('../dist/src/zerocopy/layout-header.js');
writeFileSync(join(folder, 'src', 'layout.h'), layoutHeader());
