/** What a server is told, in its protocol, and how long its answer is. */
import { answerOf } from './load.ts';
import type { Server } from './servers.ts';

export interface EchoProbe {
  message: Buffer;
  replyBytes: number;
}

/** For a server whose answer has the text in it. */
export async function echoProbe(
  { name, encode }: Pick<Server, 'name' | 'encode'>,
  port: number,
  text: string,
): Promise<EchoProbe> {
  const message = encode(text);
  const answer = await answerOf(port, message);
  // A load that counts bytes would take any error reply for an answer.
  if (!answer.includes(text)) throw new Error(`${name} did not answer with the text "${text.slice(0, 40)}"`);
  return { message, replyBytes: answer.length };
}

/**
 * For servers that are compared. Rejects if servers with the same encoding answer with different numbers of bytes: one of
 * them would have more to write for each message.
 */
export async function tellAll<One extends { server: Pick<Server, 'name' | 'encode'>; port: number }>(
  all: readonly One[],
  text: string,
): Promise<(One & EchoProbe)[]> {
  const told = await Promise.all(
    all.map(async (one) => ({ ...one, ...(await echoProbe(one.server, one.port, text)) })),
  );
  for (const [first, ...others] of Map.groupBy(told, ({ server }) => server.encode).values()) {
    for (const { server, replyBytes } of others) {
      if (replyBytes === first!.replyBytes) continue;
      const sizes = `${first!.server.name} answers with ${first!.replyBytes} bytes, ${server.name} with ${replyBytes}`;
      throw new Error(`${sizes}: for a fair comparison, make the two responses equally long`);
    }
  }
  return told;
}
