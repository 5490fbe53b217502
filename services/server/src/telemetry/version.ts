/** Which build this server is, for its log and its metrics: so a rolling update can be watched. */
import { type Build, formatBuild, readBuild } from '@knock/shared/version';
import { Gauge, type Registry } from '@prometheus-io/client';

/** `node`: the version of Node that runs it. */
export const BUILD: Build & { node: string } = { ...readBuild(process.env), node: process.versions.node };

export const BUILD_TEXT = `knock ${formatBuild(BUILD)} on Node ${BUILD.node}`;

/** A gauge that is always 1: the labels say it all, as is usual for builds in Prometheus. */
export function addBuildInfo(registry: Registry): void {
  const gauge = new Gauge({
    name: 'knock_build_info',
    help: 'The build that runs',
    labelNames: Object.keys(BUILD),
    registers: [registry],
  });
  gauge.set({ ...BUILD }, 1);
}
