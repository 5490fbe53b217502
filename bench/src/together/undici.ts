/** POSTs each text to an HTTP echo server, over up to 64 connections. */
import { Pool } from 'undici';

import { count, port } from './asking.ts';

const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 64 });
await count(async (text) => {
  const { body } = await pool.request({ method: 'POST', path: '/', body: text });
  return body.text();
});
await pool.close();
