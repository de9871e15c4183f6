/** All schemas there are, for tests that hold for each of them. */
import type { Api } from '../../src/protocol/api.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';

export const everyApi: readonly Api[] = [metadata, apiVersions, createTopics];
