/** Every method on every path, with and without the live page. */
import { type Case, cases } from '../case.ts';
import { request } from './http.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'];
const PATHS = ['/', '/healthz', '/readyz', '/metrics', '/events', '/page/main.js', '/page/nothing.js', '/nothing'];

/** Each with a second request, to see whether the connection persists. */
const all = Object.fromEntries(
  METHODS.flatMap((method) =>
    PATHS.map((path) => [`${method} ${path}`, request(`${method} ${path}`) + request('GET /')]),
  ),
);
/** Responses that never end by themselves. */
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
