/** The APIs of idempotent and transactional producers. */
import { initProducerIdHandler } from './22-init-producer-id.ts';
import type { ControlHandler } from './define.ts';

export const transactionHandlers: readonly ControlHandler[] = [initProducerIdHandler];
