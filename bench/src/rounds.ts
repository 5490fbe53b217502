/** The order of competitors in a round, reversed every second round to cancel out order effects. */
export function inTurn<One>(all: readonly One[], round: number): readonly One[] {
  return round % 2 === 0 ? all : all.toReversed();
}
