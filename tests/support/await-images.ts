/** Container tests wait here until `images.ts` has built the images. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { IMAGES_BUILT } from './images-built.ts';

while (!existsSync(IMAGES_BUILT)) await sleep(100);
const error = readFileSync(IMAGES_BUILT, 'utf8');
if (error !== '') throw new Error(`building the images failed: ${error}`);
