/** The server's image with a shell; `images.ts` builds it. */
export const SHELL_IMAGE = 'knock-test-shell';
