/** Sends ECHO to Redis, over one connection. */
import { Redis } from 'ioredis';

import { count, port } from './asking.ts';

const redis = new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true });
await count((text) => redis.echo(text));
redis.disconnect();
