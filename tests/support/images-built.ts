import { join } from 'node:path';

/** Exists once the build is over; holds its error, if any. */
export const IMAGES_BUILT = join(import.meta.dirname, '../../.build/images-built');
