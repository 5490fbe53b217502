/** The forms of request smuggling. A form that does not begin with a request line stands with the others all the same. */
import { FORMS } from '../../hazards/support/smuggling-forms.ts';
import { byteByByte, type Case, cases, closesAndStays } from '../case.ts';

const PLAIN = FORMS.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes, 'latin1') }));
/** One byte in a turn takes as many turns as there are bytes, so only some of the forms come like that. */
const EVERY = 8;

export const smugglingCases: readonly Case[] = [
  ...PLAIN.flatMap(({ name, bytes }) => closesAndStays('http/smuggling', { [name]: bytes })),
  ...PLAIN.filter((_form, n) => n % EVERY === 0).flatMap(({ name, bytes }) =>
    cases('http/smuggling', { [`${name}, byte by byte`]: byteByByte(bytes) }),
  ),
];
