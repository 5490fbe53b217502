/**
 * By how much less than its time something may seem to have taken: timers fire up to a millisecond early, and clocks are
 * rounded, each of them in its own way. A lower bound on a measured time is the time less this.
 */
export const CLOCK_ERROR_MS = 5;
