/**
 * DescribeConfigs, versions 1 to 4: the settings of topics, of this broker and of groups, each resource with an error of its own.
 * Types and documentation came with version 3; synonyms and documentation only on request.
 */

import {
  type ConfigWish,
  chosen,
  type DescribedConfig,
  describeConfigs as describeAll,
  isConfigResourceType,
  likenessOf,
} from '../admin/configs.ts';
import { type Refusal, refuse } from '../admin/refusal.ts';
import { once } from '../base/once.ts';
import { OPERATION_DESCRIBE_CONFIGS } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeConfigs } from '../protocol/schemas/32-describe-configs.ts';
import { denialOfConfigs, describesConfigs } from './config-access.ts';
import { defineHandler } from './define.ts';

type Result = ElementOf<ResponseInputOf<typeof describeConfigs>['results']>;
type Config = ElementOf<Result['configs']>;

export const describeConfigsHandler = defineHandler({
  api: describeConfigs,
  access: describesConfigs,

  handle(request, context) {
    const { services } = context;
    const { catalog, config } = services.controller;
    if (!request.resources.every(({ resourceType }) => isConfigResourceType(resourceType))) {
      const message =
        'the request names a type of resources that there is not; use topics (2), brokers (4) or groups (32)';
      return refusedAll(request, refuse(errorCode.INVALID_REQUEST, message));
    }
    const described = once(
      (wish: ConfigWish) => {
        const { refusal, configs } = describeAll(catalog, config, wish);
        return { refusal, configs: configs.map((one) => configOf(one, request)) };
      },
      (wish) => likenessOf(catalog, wish),
    );
    return {
      results: request.resources.map(({ resourceType, resourceName, configurationKeys }) => {
        const denied = denialOfConfigs(OPERATION_DESCRIBE_CONFIGS, { resourceType, resourceName }, context);
        if (denied !== null) return refusedOne({ resourceType, resourceName }, denied);
        const { refusal, configs } = described({ resourceType, resourceName });
        return {
          errorCode: refusal?.errorCode ?? errorCode.NONE,
          errorMessage: refusal?.message ?? '',
          resourceType,
          resourceName,
          configs: chosen(configs, configurationKeys),
        };
      }),
    };
  },

  refuse: (request, refusal) => refusedAll(request, refusal),
});

function refusedAll(
  request: RequestOf<typeof describeConfigs>,
  refusal: Refusal,
): ResponseInputOf<typeof describeConfigs> {
  return { results: request.resources.map((one) => refusedOne(one, refusal)) };
}

function refusedOne(
  { resourceType, resourceName }: Pick<Result, 'resourceType' | 'resourceName'>,
  refusal: Refusal,
): Result {
  return { errorCode: refusal.errorCode, errorMessage: refusal.message, resourceType, resourceName, configs: [] };
}

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
