/** Every method at every path, with the live page and without it. */
import { type Case, cases } from '../case.ts';
import { request } from './http.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'];
const PATHS = ['/', '/healthz', '/readyz', '/metrics', '/events', '/page/main.js', '/page/nothing.js', '/nothing'];

/** Each with a request behind it, to see whether the connection is still used. */
const all = Object.fromEntries(
  METHODS.flatMap((method) =>
    PATHS.map((path) => [`${method} ${path}`, request(`${method} ${path}`) + request('GET /')]),
  ),
);
/** These never end by themselves. */
const { 'GET /events': events, ...others } = all;
const page = { 'the page': request('GET /', 'Host: a\r\nAccept: text/html\r\n') };

export const routeCases: readonly Case[] = [
  ...cases('http/routes', { ...others, ...page }, { settings: { LIVE_PAGE: 'on' } }),
  ...cases('http/routes', { 'GET /events': [events!, 1000] }, { settings: { LIVE_PAGE: 'on' }, ending: 'resets' }),
  ...cases(
    'http/routes without the page',
    { ...page, 'GET /events': events!, 'GET /page/main.js': others['GET /page/main.js']!, 'GET /': others['GET /']! },
    { settings: { LIVE_PAGE: 'off' } },
  ),
];
