/** Fastify as its users write it, with the responses of `bare-http.ts`. Logging stays off, its default. */
import { fastify, type FastifyReply } from 'fastify';

const [port] = process.argv.slice(2).map(Number);
const app = fastify({ keepAliveTimeout: 60_000 });
app.get('/', (_request, reply) => answer(reply, 'hello from the server!'));
app.post('/', (request, reply) => answer(reply, String(request.body)));
app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
await app.listen({ port: port!, host: '127.0.0.1' });

function answer(reply: FastifyReply, body: string): FastifyReply {
  reply.raw.removeHeader('Connection');
  return reply
    .header('Content-Type', 'text/plain; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .header('X-Content-Type-Options', 'nosniff')
    .send(body);
}
