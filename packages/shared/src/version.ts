/** Which build runs: the images set `KNOCK_VERSION` and `KNOCK_REVISION`; elsewhere the version is that of package.json. */
import manifest from '../package.json' with { type: 'json' };

export interface Build {
  version: string;
  /** The commit, or `unknown`. */
  revision: string;
}

export function readBuild({ KNOCK_VERSION, KNOCK_REVISION }: NodeJS.ProcessEnv): Build {
  // An image that was built with an empty argument has an empty variable.
  return { version: KNOCK_VERSION || manifest.version, revision: KNOCK_REVISION || 'unknown' };
}

export function formatBuild({ version, revision }: Build): string {
  return `${version} (revision ${revision})`;
}
