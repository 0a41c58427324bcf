// Moving in: `scripts/import` sends every system's files to the built Worker, which then answers with what came. The
// whole world outside the Worker is one stand-in, so that each provider is asked at its real address.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { HOSTS } from '../console/import/providers.mjs';
import { ADMIN_KEY, KEY, Sluice, behave } from './harness.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixtures = join(root, 'tests/fixtures/import');
const systems = readdirSync(fixtures).filter((name) => statSync(join(fixtures, name)).isDirectory());
const bundleOf = (system) => JSON.parse(readFileSync(join(fixtures, system, 'bundle.json'), 'utf8'));

/** What is asked of a provider whose account names no model. */
const ANY = { anthropic: 'claude-sonnet-4-5', google: 'gemini-2.5-flash' };
/** Signed, with the secret of the fixtures: what the stand-in for Bedrock expects is another. */
const SIGNED = new Set(['bedrock', 'vertex']);

/** The path under which the stand-in knows the wire. */
function known(path) {
  if (/^\/openai\/deployments\//.test(path)) return path;
  for (const end of ['/chat/completions', '/messages', '/responses']) if (path.endsWith(end)) return `/v1${end}`;
  return path;
}

/** A Worker without an account, whose calls all end at the stand-in. `asked` has where they went. */
async function empty(t) {
  const asked = [];
  let sluice;
  const outboundService = async (request) => {
    const url = new URL(request.url);
    asked.push({ host: url.host, path: url.pathname });
    const body = request.method === 'POST' ? await request.arrayBuffer() : undefined;
    const to = new URL(known(url.pathname) + url.search, sluice.provider.url);
    const response = await fetch(to, { method: request.method, headers: request.headers, body });
    return new Response(response.body, { status: response.status, headers: response.headers });
  };
  const none = { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '' };
  sluice = await Sluice.start(t, none, { outboundService });
  return { sluice, asked };
}

async function bring(sluice, system) {
  const args = [join(root, 'scripts/import'), '--yes', '--url', sluice.url, join(fixtures, system, 'files')];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: '/nonexistent', SLUICE_ADMIN_KEY: ADMIN_KEY },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, output };
}

async function say(sluice, key, model, headers = {}) {
  const body = { model, stream: true, messages: [{ role: 'user', content: 'Hi' }] };
  const response = await sluice.fetch('/v1/chat/completions', {
    body,
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
  return { status: response.status, text: await response.text(), account: response.headers.get('x-sluice-account') };
}

const answered = ({ status, text }) => status === 200 && /Grüße/.test(text) && text.endsWith('data: [DONE]\n\n');
const hostsOf = (provider) => [...HOSTS].filter(([, known]) => known.provider === provider).map(([host]) => host);
const plain = (model) => model !== undefined && !/[*!]/.test(model);

for (const system of systems) {
  test(`${system}: what it had answers here`, async (t) => {
    const bundle = bundleOf(system);
    const { sluice, asked } = await empty(t);
    const { status, output } = await bring(sluice, system);
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /\d refused|Routes: refused/);
    const { items } = (await sluice.admin('GET accounts?limit=100')).body;
    assert.equal(items.length, bundle.accounts.length, output);

    const keyed = bundle.accounts.filter(
      ({ provider, kind, enabled = true }) => enabled && ['api_key', 'none'].includes(kind) && !SIGNED.has(provider),
    );
    for (const { credential } of keyed) sluice.provider.script(credential.api_key, behave.answer());
    for (const account of keyed) await t.test(`${account.provider} ${account.label ?? ''}`, () => asks(account));

    /** The account is asked by its id: the one behind which its key is heard. */
    async function asks({ provider, credential, allow, base_url: base }) {
      const secret = credential.api_key;
      const model = `${provider}/${allow?.find(plain) ?? ANY[provider] ?? 'a-model'}`;
      const said = [];
      for (const { id } of items.filter((known) => known.provider === provider && known.enabled)) {
        sluice.provider.keys();
        const answer = await say(sluice, `${KEY}@${id}`, model);
        said.push(`${id}: ${answer.status} ${answer.text.slice(0, 200)}`);
        if (!sluice.provider.keys().includes(secret)) continue;
        assert.ok(answered(answer), said.at(-1));
        assert.equal(answer.account, id);
        const hosts = base ? [new URL(base).host] : hostsOf(provider);
        // Where an address has the account's id in it, no host is known.
        assert.ok(hosts.length === 0 || hosts.includes(asked.at(-1).host), `${asked.at(-1).host} is not ${hosts}`);
        return;
      }
      assert.fail(`its key was not heard: ${said.join('; ')}`);
    }

    for (const { name, key, enabled = true, ips } of bundle.tokens.filter((token) => token.key)) {
      await t.test(`token ${name}`, async () => {
        const [first] = keyed;
        const model = `${first.provider}/${first.allow?.find(plain) ?? ANY[first.provider] ?? 'a-model'}`;
        const from = (address) => say(sluice, key, model, address && { 'cf-connecting-ip': address });
        const answer = await from(ips?.at(-1));
        if (!enabled) assert.ok([401, 403].includes(answer.status), `${answer.status} ${answer.text}`);
        else assert.ok(answered(answer), `${answer.status} ${answer.text}`);
        if (enabled && ips) assert.equal((await from('203.0.113.9')).status, 403);
      });
    }

    for (const [name, { tiers }] of Object.entries(bundle.config?.routes ?? {})) {
      const [provider] = target(tiers[0][0]);
      // A login's tokens are not the stand-in's, nor may a route end at what is signed.
      const reachable = keyed.some((account) => account.provider === provider);
      if (!reachable) continue;
      await t.test(`route ${name}`, async () => {
        sluice.provider.keys();
        const answer = await say(sluice, KEY, name);
        assert.ok(answered(answer), `${answer.status} ${answer.text}`);
        const [heard] = sluice.provider.requests;
        const models = tiers.flat().map((candidate) => target(candidate)[1]);
        assert.ok(models.includes(heard.body.model ?? models[0]), `${heard.body.model} is none of ${models}`);
      });
    }
    t.diagnostic(`${keyed.length} of ${items.length} accounts asked, at ${[...new Set(asked.map(({ host }) => host))].join(', ')}`);
  });
}

/** Provider and model of a route's candidate. */
function target(candidate) {
  return (candidate.model ?? candidate).split(/\/(.*)/s).slice(0, 2);
}
