/**
 * Timers fire up to a millisecond early, and clocks round differently: subtract this from a lower bound on a measured time.
 */
export const CLOCK_ERROR_MS = 5;
