/** Memory, descriptors, timers and event-loop delay of the process, for Prometheus. */
import { collectDefaultMetrics, Registry } from '@prometheus-io/client';

/** The library's metrics whose names Prometheus' rules do not allow. */
const INVALID_NAMES = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
];

let registry: Registry | undefined;

/** Collected from the first request for metrics on, since collecting has a cost. One registry for the process. */
export function processMetrics(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const name of INVALID_NAMES) registry.removeSingleMetric(name);
  }
  return registry;
}
