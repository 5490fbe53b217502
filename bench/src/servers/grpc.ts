/** A gRPC echo server, with unary calls. */
import { join } from 'node:path';

import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  type handleUnaryCall,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const [port] = process.argv.slice(2).map(Number);
const definition = loadSync(join(import.meta.dirname, 'echo.proto'));
const { Echo } = loadPackageDefinition(definition) as unknown as { Echo: ServiceClientConstructor };

const say: handleUnaryCall<{ text: string }, { text: string }> = ({ request }, answer) => answer(null, request);

const server = new Server();
server.addService(Echo.service, { say });
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
