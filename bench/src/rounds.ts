/** The order in which competitors are measured in a round: reversed in every second round, so that none is always first. */
export function inTurn<One>(all: readonly One[], round: number): readonly One[] {
  return round % 2 === 0 ? all : all.toReversed();
}
