import { join } from 'node:path';

/** A file that holds what went wrong, or nothing, as soon as the images are built. */
export const IMAGES_BUILT = join(import.meta.dirname, '../../.build/images-built');
