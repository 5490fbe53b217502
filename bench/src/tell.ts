/** What a server is told, in its language, and how long its answer is. */
import { answerOf } from './load.ts';
import type { Server } from './servers.ts';

/** For a server that answers with what it hears. */
export async function tell(
  server: Server,
  port: number,
  text: string,
): Promise<{ message: Buffer; replyBytes: number }> {
  const message = server.encode(text);
  const answer = await answerOf(port, message);
  // A load that counts bytes would take any refusal for an answer.
  if (!answer.includes(text)) throw new Error(`${server.name} did not answer with the text itself`);
  return { message, replyBytes: answer.length };
}
