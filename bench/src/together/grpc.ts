/** Makes unary calls to a gRPC server, over one connection. */
import { join } from 'node:path';

import { credentials, loadPackageDefinition, type requestCallback, type ServiceClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

import { count, port } from './asking.ts';

const definition = loadSync(join(import.meta.dirname, '../servers/echo.proto'));
const { Echo } = loadPackageDefinition(definition) as unknown as { Echo: ServiceClientConstructor };
const client = new Echo(`127.0.0.1:${port}`, credentials.createInsecure());

await count((text) => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  client['say']!({ text }, ((error, answer) => {
    if (error) reject(error);
    else resolve(answer!.text);
  }) satisfies requestCallback<{ text: string }>);
  return promise;
});
client.close();
