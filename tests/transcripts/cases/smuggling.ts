/** The request smuggling forms, including those that do not start with a request line. */
import { FORMS } from '../../hazards/support/smuggling-forms.ts';
import { byteByByte, type Case, cases, closesAndStays } from '../case.ts';

const PLAIN = FORMS.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes, 'latin1') }));
/** Byte by byte takes a turn of the event loop per byte: only for some forms. */
const EVERY = 8;

export const smugglingCases: readonly Case[] = [
  ...PLAIN.flatMap(({ name, bytes }) => closesAndStays('http/smuggling', { [name]: bytes })),
  ...PLAIN.filter((_form, n) => n % EVERY === 0).flatMap(({ name, bytes }) =>
    cases('http/smuggling', { [`${name}, byte by byte`]: byteByByte(bytes) }),
  ),
];
