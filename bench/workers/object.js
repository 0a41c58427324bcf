// What any gateway pays here that decides in one place and keeps books: the body is read, an object is asked before the
// provider and told after it, and a row is written. Nothing is done with any of it.
import { DurableObject } from 'cloudflare:workers';

const GRANT = JSON.stringify({ lease: 1, leads: [{ candidate: { account: 'openai', provider: 'openai', model: 'fake' } }] });
const INQUIRY = JSON.stringify({ caller: 'operator', model: 'fake', protocol: 'chat', operation: 'generate', input_tokens: 400, max_output: 4096 });

export class Pool extends DurableObject {
  async fetch(request) {
    await request.text();
    return new Response(GRANT);
  }
}

const ask = async (env, path) => {
  const response = await env.POOL.getByName('pool').fetch(`https://pool${path}`, { method: 'POST', body: INQUIRY });
  return JSON.parse(await response.text());
};

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const body = await request.arrayBuffer();
    await ask(env, '/plan');
    const response = await fetch(env.UPSTREAM + pathname, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const books = async () => {
      await ask(env, '/report');
      await env.DB.prepare('INSERT INTO calls VALUES (?, ?)').bind(1, INQUIRY).run();
    };
    context.waitUntil(books());
    return response;
  },
};
