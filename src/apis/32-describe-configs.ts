/**
 * DescribeConfigs, versions 1 to 4: the settings of topics and of this broker, each resource with an error of its own.
 * Types and documentation came with version 3; synonyms and documentation only on request.
 */
import { type DescribedConfig, describeConfigs as describeAll } from '../admin/configs.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeConfigs } from '../protocol/schemas/32-describe-configs.ts';
import { defineHandler } from './define.ts';

type Result = ElementOf<ResponseInputOf<typeof describeConfigs>['results']>;
type Config = ElementOf<Result['configs']>;

export const describeConfigsHandler = defineHandler({
  api: describeConfigs,
  access: [
    { kind: 'guarded', resource: 'topic', operation: 'describe-configs' },
    { kind: 'guarded', resource: 'cluster', operation: 'describe-configs' },
  ],

  handle(request, { services }) {
    const { catalog, config } = services.controller;
    return {
      results: request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
        const answer = describeAll(catalog, config, { resourceType, resourceName, keys: configurationKeys });
        return {
          errorCode: answer.refusal?.errorCode ?? errorCode.NONE,
          errorMessage: answer.refusal?.message ?? null,
          resourceType,
          resourceName,
          configs: answer.configs.map((one) => configOf(one, request)),
        };
      }),
    };
  },

  refuse: (request, refusal) => ({
    results: request.resources.map(({ resourceType, resourceName }) => ({
      errorCode: refusal.errorCode,
      errorMessage: refusal.message,
      resourceType,
      resourceName,
      configs: [],
    })),
  }),
});

function configOf(
  config: DescribedConfig,
  asked: { readonly includeSynonyms: boolean; readonly includeDocumentation: boolean },
): Config {
  return {
    name: config.name,
    value: config.value,
    readOnly: config.isReadOnly,
    configSource: config.source,
    isSensitive: config.isSensitive,
    synonyms: asked.includeSynonyms ? config.synonyms : [],
    configType: config.type,
    documentation: asked.includeDocumentation ? config.documentation : null,
  };
}
