/** All cases, in the order of their transcript files. */
import type { Case } from './case.ts';
import { frameCases } from './cases/frames.ts';
import { fuzzCases } from './cases/fuzz.ts';
import { handlerCases } from './cases/handlers.ts';
import { httpCases } from './cases/http.ts';
import { routeCases } from './cases/routes.ts';
import { shutdownCases } from './cases/shutdown.ts';
import { smugglingCases } from './cases/smuggling.ts';
import { textCases } from './cases/text.ts';
import { vectorCases } from './cases/vectors.ts';

export const CASES: readonly Case[] = [
  ...vectorCases,
  ...frameCases,
  ...textCases,
  ...httpCases,
  ...routeCases,
  ...smugglingCases,
  ...handlerCases,
  ...shutdownCases,
  ...fuzzCases,
];
