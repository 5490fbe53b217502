/** The decoders alone, without a socket: texts decoded per second. */
import { type Decoder, decoders } from './codecs/decoders.ts';
import type { Figure, Measure } from './figure.ts';
import { inTurn } from './rounds.ts';

const TEXT = 'Hello, server';

interface Cut {
  id: string;
  title: string;
  /** How many messages the stream holds. */
  messages: number;
  /** The size of a chunk, in bytes. */
  bytes: number;
}

/** Messages a second, by the decoder's name. */
type Rates = Record<string, number>;

const CUTS: Cut[] = [
  { id: 'codec-whole', title: 'Decoding a stream that comes whole', messages: 10_000, bytes: Infinity },
  { id: 'codec-64KiB', title: 'Decoding a stream in chunks of 64 KiB', messages: 10_000, bytes: 65_536 },
  { id: 'codec-1B', title: 'Decoding a stream byte by byte', messages: 100, bytes: 1 },
];

export async function measureCodecs({ rounds, ms, progress }: Measure): Promise<Figure[]> {
  const measured = CUTS.map((cut) => ({ cut, rates: [] as Rates[] }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const { cut, rates } of measured) {
      progress(`${cut.title}, ${round === 0 ? 'to warm up' : `round ${round} of ${rounds}`}`);
      rates.push(await measureRound(cut, ms, round));
    }
  }
  return measured.map(({ cut, rates: [_warmUp, ...rates] }) => figureOf(cut, rates));
}

async function measureRound(cut: Cut, ms: number, round: number): Promise<Rates> {
  const rates: Rates = {};
  for (const [name, decoder] of inTurn(Object.entries(decoders), round))
    rates[name] = await measureDecoder(decoder, cut, ms);
  return rates;
}

/** Decodes one stream repeatedly for `ms` milliseconds; resolves with messages per second. */
async function measureDecoder({ frame, decode }: Decoder, { messages, bytes }: Cut, ms: number): Promise<number> {
  const chunks = inChunks(Buffer.concat(Array<Buffer>(messages).fill(frame(TEXT))), bytes);
  const start = performance.now();
  let [total, elapsed] = [0, 0];
  while (elapsed < ms) {
    let [first, last]: string[] = [];
    let decoded = 0;
    await decode(chunks, (text) => {
      first ??= text;
      // Use the result, or the optimizer may drop the decoding.
      last = text;
      decoded += 1;
    });
    if (decoded !== messages || first !== TEXT || last !== TEXT) {
      throw new Error(`decoded ${decoded} messages, from '${first}' to '${last}'`);
    }
    total += decoded;
    elapsed = performance.now() - start;
  }
  return total / (elapsed / 1000);
}

function inChunks(stream: Buffer, bytes: number): Buffer[] {
  const chunks = [];
  for (let start = 0; start < stream.length; start += bytes) chunks.push(stream.subarray(start, start + bytes));
  return chunks;
}

function figureOf({ id, title }: Cut, rounds: Rates[]): Figure {
  const values = Object.fromEntries(Object.keys(decoders).map((name) => [name, rounds.map((rates) => rates[name]!)]));
  return { id, section: 'Codec alone', title, unit: 'messages/s', values };
}
