/** Sends each server one text in its protocol, checks the reply, and measures its length. */
import { answerOf } from './load.ts';
import type { Server } from './servers.ts';

export interface EchoProbe {
  message: Buffer;
  replyBytes: number;
}

/** Rejects if the reply does not contain the text. */
export async function echoProbe(
  { name, encode }: Pick<Server, 'name' | 'encode'>,
  port: number,
  text: string,
): Promise<EchoProbe> {
  const message = encode(text);
  const reply = await answerOf(port, message);
  // The load only counts bytes: it would accept an error reply.
  if (!reply.includes(text)) throw new Error(`${name} did not reply with the text "${text.slice(0, 40)}"`);
  return { message, replyBytes: reply.length };
}

/**
 * Probes servers that are compared. Rejects if servers with the same encoding reply with different numbers of bytes: one of
 * them would have to write more for each message.
 */
export async function probeAll<One extends { server: Pick<Server, 'name' | 'encode'>; port: number }>(
  all: readonly One[],
  text: string,
): Promise<(One & EchoProbe)[]> {
  const probed = await Promise.all(
    all.map(async (one) => ({ ...one, ...(await echoProbe(one.server, one.port, text)) })),
  );
  for (const [first, ...others] of Map.groupBy(probed, ({ server }) => server.encode).values()) {
    for (const { server, replyBytes } of others) {
      if (replyBytes === first!.replyBytes) continue;
      const sizes = `${first!.server.name} replies with ${first!.replyBytes} bytes, ${server.name} with ${replyBytes}`;
      throw new Error(`${sizes}: for a fair comparison, make the two responses equally long`);
    }
  }
  return probed;
}
