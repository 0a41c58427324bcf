// A Worker with accounts that expire: the sign-ins are emulated, and so is an API that takes their tokens.

import { createServer } from 'node:http';
import { Sluice } from './harness.mjs';
import { OAuth } from './provider/oauth.mjs';
import * as responses from './provider/responses.mjs';

/** An API that speaks OpenAI's chat, and its responses where a login is asked that way; it believes the emulator about tokens. */
class Upstream {
  /** `ok`, `expired`, …, for each request that came. */
  judged = [];
  /** Tokens that were taken. */
  taken = new Set();

  static async start(oauth) {
    const upstream = new Upstream();
    upstream.server = createServer(async (request, response) => {
      try {
        for await (const _ of request);
      } catch {
        // Whoever asked has died.
        return;
      }
      // Lists of models are nobody's concern here.
      if (request.method === 'GET') return void response.writeHead(404).end();
      const access = request.headers.authorization?.replace(/^Bearer /, '');
      const judged = oauth.judge(access);
      upstream.judged.push(judged);
      if (judged === 'ok') upstream.taken.add(access);
      response.setHeader('content-type', 'application/json');
      if (judged !== 'ok') {
        response.writeHead(401).end(JSON.stringify({ error: { message: `the token is ${judged}`, type: 'auth' } }));
        return;
      }
      const text = `Hello, ${oauth.holder(access).email}`;
      if (request.url.endsWith('/responses')) {
        response.setHeader('content-type', 'text/event-stream');
        response.end(responses.frames({ text, calls: [] }, { model: 'm' }).join(''));
        return;
      }
      const message = { role: 'assistant', content: text };
      const choices = [{ index: 0, message, finish_reason: 'stop' }];
      response.end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices }));
    });
    await new Promise((resolve) => upstream.server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}/v1`;
  }

  stop() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}

export async function subscribed(t, bindings = {}, rest = {}) {
  const oauth = await OAuth.start();
  const upstream = await Upstream.start(oauth);
  const sluice = await Sluice.start(t, {
    SLUICE_AUTH_URL: oauth.url,
    GEMINI_CLI_CLIENT_SECRET: 'canary-client-secret',
    ANTIGRAVITY_CLIENT_SECRET: 'canary-client-secret',
    IFLOW_CLIENT_SECRET: 'canary-client-secret',
    ...bindings,
  }, rest);
  t.after(async () => {
    await oauth.stop();
    await upstream.stop();
  });
  const world = { sluice, oauth, upstream };

  /** An account somebody signed in to elsewhere, imported with a token that ends in `left` seconds. */
  world.imported = async (provider, { left = 3600, details = {}, ...options } = {}) => {
    const family = oauth.account(provider, options);
    const { access, refresh } = oauth.issue(family);
    // The clock here runs ahead of the token's: it is over as soon as the Worker thinks so.
    const made = await sluice.admin('POST accounts', {
      provider,
      kind: 'oauth',
      base_url: upstream.url,
      protocol: 'chat',
      models: ['subscribed'],
      credential: { access_token: access, refresh_token: refresh, expires: Date.now() + left * 1000, details },
    });
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
    return { id: made.body.id, family, access, refresh };
  };

  /** A call, and what came of it. */
  world.ask = async () => {
    const response = await sluice.chat({ model: 'subscribed' });
    const body = await response.json();
    return { status: response.status, said: body.choices?.[0].message.content ?? body.error.message };
  };

  /** As the platform's clock does every five minutes. */
  world.wake = async () => (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *' });

  world.account = async (id) => (await sluice.admin(`GET accounts/${id}`)).body;
  return world;
}
