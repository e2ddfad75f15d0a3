import { unhealthyAfter } from '../../model/health/unhealthy-volumes.ts';
import { volumeHealth } from '../../model/health/volume-health.ts';
import type { Parts } from '../../model/parts.ts';
import { volumeHealthMessage } from '../health-entries.ts';
import { pageAfter, parsePage } from '../page.ts';
import { required } from '../requests.ts';
import type { ControllerMethod } from './controller.ts';

// Health calls only read: they hold nothing and wait for no other call.

// A volume has at most a few findings, each with a message.
const PAGE_LIMIT = 1000;

/** Controller.ControllerListVolumeHealth. */
export function listVolumeHealthMethod(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds' | 'onFinding'>,
): ControllerMethod<'ControllerListVolumeHealth'> {
  return {
    async handle(request) {
      const { position, limit } = parsePage(request, PAGE_LIMIT);
      // One entry more than the page holds shows whether there is another page.
      const { items, nextToken } = pageAfter(await unhealthyAfter(parts, position, limit + 1), limit);
      return {
        entries: items.map((health) => volumeHealthMessage(parts.onFinding, health)),
        next_token: nextToken,
      };
    },
  };
}

/** Controller.ControllerGetVolumeHealth. */
export function getVolumeHealthMethod(
  parts: Parts<'catalogue' | 'host' | 'recounts' | 'holds' | 'onFinding'>,
): ControllerMethod<'ControllerGetVolumeHealth'> {
  return {
    async handle(request) {
      const health = await volumeHealth(parts, required('volume_id', request.volume_id));
      return { volume_health: volumeHealthMessage(parts.onFinding, health) };
    },
  };
}
