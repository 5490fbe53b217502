/** Handlers that are slow, fail, or never reply: the same messages in every protocol. */
import { type Protocol, say } from '../../hazards/support/protocols.ts';
import { type Case, cases, closesAndStays } from '../case.ts';

const PROTOCOLS: readonly [folder: string, Protocol][] = [
  ['frames', 'frames'],
  ['text', 'text'],
  ['http', 'HTTP'],
];

export const handlerCases: readonly Case[] = PROTOCOLS.flatMap(([folder, protocol]) => {
  const all = (...messages: string[]) => Buffer.concat(messages.map((message) => say(protocol, message)));
  return [
    ...closesAndStays(`${folder}/handlers`, {
      'one turn late': all('later'),
      late: all('wait'),
      'late, with messages behind': all('wait', 'one', 'later', 'two'),
      never: all('never', 'one'),
      throws: all('throw', 'one'),
      rejects: all('reject', 'one'),
      'answers no text': all('no text', 'one'),
      'answers two lines': all('two lines', 'one'),
      'answers half a surrogate pair': all('half a surrogate pair', 'one'),
    }),
    ...cases(`${folder}/handlers`, {
      'late, with half a message behind': [
        all('wait'),
        100,
        all('Hello').subarray(0, 4),
        1000,
        all('Hello').subarray(4),
      ],
      'late, and a message comes meanwhile': [all('wait'), 100, all('one'), 100, all('two')],
      'fails twice, with a pause between': [all('throw'), 1000, all('throw'), 1000, all('one')],
    }),
  ];
});
