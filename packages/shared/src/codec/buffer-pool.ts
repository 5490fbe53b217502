/**
 * Large pieces of memory that are used again. A new one is cheap to get and dear to use: it is memory that no cache has seen,
 * and that the kernel may first have to fill with zeros, as long as V8 has not freed the ones before.
 */

/** What is smaller is not worth it, in bytes. */
const LARGE_BYTES = 32_768;

/** How much is kept at most for the whole program, in bytes. */
const MAX_KEPT_BYTES = 4 * 2 ** 20;

/** How much larger than what was asked for a piece may be, in bytes: whoever holds it is counted as if it were not. */
const SLACK_BYTES = 1024;

const kept: Buffer[] = [];
let keptBytes = 0;

/** A piece with room for `bytes` bytes; whatever is in it. */
export function acquire(bytes: number): Buffer {
  if (bytes < LARGE_BYTES) return Buffer.allocUnsafeSlow(bytes);
  // From the last one on, which the caches know best.
  for (let place = kept.length - 1; place >= 0; place -= 1) {
    const piece = kept[place]!;
    if (piece.length < bytes || piece.length > bytes + SLACK_BYTES) continue;
    kept.splice(place, 1);
    keptBytes -= piece.length;
    return piece;
  }
  return Buffer.allocUnsafeSlow(bytes);
}

/** Whoever gives a piece back must not look at it again, nor may anybody to whom it was shown. */
export function release(piece: Buffer): void {
  const { length } = piece;
  if (length < LARGE_BYTES || length > MAX_KEPT_BYTES) return;
  kept.push(piece);
  keptBytes += length;
  // Those that nobody has asked for are of a size that is not used any more.
  while (keptBytes > MAX_KEPT_BYTES) keptBytes -= kept.shift()!.length;
}
