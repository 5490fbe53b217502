/** Where the server is meant to differ from its transcripts, and the defect of the recorded server that is the reason. */
import type { Part } from './compare.ts';

export interface Difference {
  /** The ids of the cases: those that match it, or that begin with it. */
  cases: RegExp | string;
  /** What differs in them. Without it everything may, and something has to in each of them. */
  parts?: readonly Part[];
  /** What was wrong, in a few words. */
  defect: string;
}

/** Of a request that is answered with another status. */
const STATUS = ['status', 'detail', 'errorReplies', 'allow', 'type'] as const;
const RESPONSE = [...STATUS, 'retryAfter', 'body', 'staysOpen', 'reason', 'ms'] as const;
/** Of what was text, and is HTTP. */
const EVERYTHING = [...RESPONSE, 'heard', 'messages', 'protocol', 'sent', 'bytesOut'] as const;

/** The numbers are those of the defects in the findings of the conformance suites, which the changelog lists. */
export const DIFFERENCES: readonly Difference[] = [
  {
    cases: 'text/first bytes/',
    parts: EVERYTHING,
    defect: '1, 9: a method and a space was text, and so was an empty line',
  },
  { cases: 'text/fuzz/', parts: EVERYTHING, defect: '1: a line that ends in HTTP/1.1 was text' },
  { cases: 'text/errors/', parts: ['protocol'], defect: '1: text was decided before its first line had ended' },
  { cases: 'text/full/', parts: ['ms'], defect: '1: as before' },
  { cases: 'text/during drain/', parts: ['ms'], defect: '1: as before' },
  { cases: 'text/drain/', parts: ['protocol'], defect: '1: as before' },
  {
    cases: 'http/request line/',
    parts: EVERYTHING,
    defect: '1, 3, 4, 7: nearly HTTP was text, targets were normalised',
  },
  {
    cases: 'http/head/',
    parts: [...RESPONSE, 'heard', 'messages'],
    defect: '2, 7, 8: hosts, the size of a head, Accept, Content-Encoding',
  },
  {
    cases: 'http/body/',
    parts: [...RESPONSE, 'heard', 'messages'],
    defect: '6: bodies were judged late and leniently',
  },
  { cases: 'http/persistence/', parts: EVERYTHING, defect: '9: an empty line before a request was text' },
  { cases: 'http/expect/', parts: RESPONSE, defect: '6: a request was judged only behind its body' },
  { cases: 'http/pauses/', parts: ['detail', 'protocol'], defect: 'the error of a timeout was written by hand' },
  { cases: 'http/routes/HEAD /events', defect: '8: HEAD /events was 404' },
  { cases: 'http/routes/', parts: STATUS, defect: '5, 8: HEAD, OPTIONS and 405 did not follow from the path' },
  { cases: 'http/smuggling/', parts: EVERYTHING, defect: '1, 2, 4, 5, 6, 9' },
  {
    cases: 'http/during drain/',
    parts: ['bytesOut', 'errorReplies', 'ms', 'protocol', 'reason', 'sent'],
    defect: 'a client that came during drain ended as busy in HTTP and as drained in frames',
  },
  {
    cases: 'http/drain/',
    parts: [...RESPONSE, 'heard', 'messages'],
    defect: 'a request that raced the drain of an idle connection was lost without a word',
  },
  { cases: 'http/probes', parts: ['detail', 'reason'], defect: 'as in http/during drain' },
  { cases: 'http/fuzz/', parts: EVERYTHING, defect: '1 to 9' },
];
