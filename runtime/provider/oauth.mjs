// Every provider's sign-in on loopback: what is sent to `{url}/{host}/{path}` is answered as `https://{host}/{path}`
// would. Refresh tokens rotate, and one that comes twice revokes its whole family, as the strictest provider has it.
//
// The clock can be moved, answers can be scripted, and a request can be held before or after it has had its effect.

import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { HOSTS, PROVIDERS, Refusal, answer } from './hosts.mjs';

export { answer };

const random = (prefix) => `${prefix}-${randomBytes(12).toString('base64url')}`;

class Dropped extends Error {}

export class OAuth {
  #server;
  #scripts = [];
  #holds = [];
  #offset = 0;
  /** By refresh token: `{ family, used }`. */
  #refresh = new Map();
  /** By access token: `{ family, expires }`. */
  #access = new Map();
  codes = new Map();
  devices = new Map();
  clients = new Map();
  /** Public keys, by e-mail. */
  services = new Map();
  /** Every request that came: `{ provider, host, path, kind, fields, headers, status }`. */
  requests = [];
  /** What the client secrets are; any that is not empty, for those not named. */
  secrets = {};

  static async start() {
    const oauth = new OAuth();
    oauth.#server = createServer((request, response) => void oauth.#serve(request, response));
    await new Promise((resolve) => oauth.#server.listen(0, '127.0.0.1', resolve));
    return oauth;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    for (const hold of this.#holds) hold.release();
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  now() {
    return Date.now() + this.#offset;
  }

  /** Let time pass here, not there: tokens end early. */
  advance(ms) {
    this.#offset += ms;
  }

  // Accounts

  /** An account somebody has signed in to. `lifetime` in seconds, of this token and all that follow. */
  account(provider, { email = `${random('user')}@example.com`, lifetime, project = random('project') } = {}) {
    const row = PROVIDERS[provider];
    const family = { provider, email, project, lifetime: lifetime ?? row.lifetime, revoked: false, refreshes: 0 };
    family.onboarding = project === null ? 2 : 0;
    return family;
  }

  /** Tokens for an account. */
  issue(family) {
    const access = family.jwt ? this.#jwt(family) : random('access');
    const rotates = PROVIDERS[family.provider].rotates;
    if (rotates || !family.refresh) family.refresh = random('refresh');
    family.access = access;
    this.#access.set(access, { family, expires: this.now() + family.lifetime * 1000 });
    this.#refresh.set(family.refresh, { family, used: false });
    return { access, refresh: family.refresh, lifetime: family.lifetime };
  }

  /** Another thing that calls of the account may be signed with. */
  key(family, key) {
    this.#access.set(key, { family, expires: this.now() + family.lifetime * 1000 });
    return key;
  }

  /** What an API would say to a token: `ok`, `expired`, `revoked` or `unknown`. */
  judge(access) {
    const known = this.#access.get(access);
    if (!known) return 'unknown';
    if (known.family.revoked) return 'revoked';
    return this.now() < known.expires ? 'ok' : 'expired';
  }

  /** Whose token it is. */
  holder(access) {
    return this.#access.get(access)?.family;
  }

  /** Every token there ever was. */
  secretsIssued() {
    return [...this.#access.keys(), ...this.#refresh.keys(), ...this.codes.keys(), ...this.devices.keys()];
  }

  /** Trade a refresh token. One that was traded before takes its family down. */
  trade(provider, token, refused) {
    const known = this.#refresh.get(token);
    if (!known || known.family.provider !== provider) throw refused('unknown');
    const { family } = known;
    if (family.revoked) throw refused('revoked');
    const rotates = PROVIDERS[provider].rotates;
    if (rotates && known.used) {
      family.revoked = true;
      throw refused('reused');
    }
    known.used = rotates;
    family.refreshes += 1;
    return { family, ...this.issue(family) };
  }

  // The person at the browser

  /** Sign in at an authorize URL; the address the browser ends at. */
  authorize(address, { deny = false, ...options } = {}) {
    const [, host, ...rest] = address.startsWith(this.url) ? address.slice(this.url.length).split('/') : [];
    const url = new URL(`https://${host}/${rest.join('/')}`);
    const query = Object.fromEntries(url.searchParams);
    const row = HOSTS.find((row) => row.host.test(host) && row.authorize);
    if (!row) throw new Error(`nobody signs in at ${host}`);
    const provider = row.authorize(query);
    const redirect = query.redirect_uri ?? query.redirect;
    if (!PROVIDERS[provider].redirects.includes(redirect)) throw new Error(`redirect ${redirect} is not registered`);
    const end = new URL(redirect);
    if (query.state) end.searchParams.set('state', query.state);
    if (deny) {
      end.searchParams.set('error', 'access_denied');
      return String(end);
    }
    const code = random('code');
    const family = this.account(provider, options);
    this.codes.set(code, { family, redirect, challenge: query.code_challenge, expires: this.now() + 600_000 });
    end.searchParams.set('code', code);
    return String(end);
  }

  /** The code of an authorization, for its verifier and redirect. */
  redeem(provider, { code, redirect_uri, code_verifier }, refused) {
    const known = this.codes.get(code);
    if (!known || known.family.provider !== provider || this.now() > known.expires) throw refused('unknown');
    if (known.used) {
      known.family.revoked = true;
      throw refused('reused');
    }
    if (known.redirect !== redirect_uri) throw refused('redirect');
    const challenge = code_verifier && createHash('sha256').update(code_verifier).digest('base64url');
    if ((known.challenge ?? undefined) !== challenge) throw refused('verifier');
    known.used = true;
    return { family: known.family, ...this.issue(known.family) };
  }

  /** Begin a device flow. */
  device(provider, { challenge, lifetime = 600, interval = 5 } = {}) {
    const code = random('device');
    const user = randomBytes(4).toString('hex').toUpperCase();
    const expires = this.now() + lifetime * 1000;
    this.devices.set(code, { provider, user, challenge, expires, interval, state: 'pending', asked: 0 });
    return { code, user, lifetime, interval };
  }

  #device(user) {
    const device = [...this.devices.values()].find((device) => device.user === user);
    if (!device) throw new Error(`no device code ${user}`);
    return device;
  }

  approve(user, options) {
    const device = this.#device(user);
    Object.assign(device, { state: 'approved', family: this.account(device.provider, options) });
  }

  deny(user) {
    this.#device(user).state = 'denied';
  }

  /** The device's state: `pending`, `slow`, `denied`, `expired` or its account, once. */
  poll(code, { verifier, strict = false } = {}) {
    const device = this.devices.get(code);
    if (!device || device.state === 'used') return 'unknown';
    if (this.now() > device.expires) return 'expired';
    const early = strict && this.now() - device.asked < device.interval * 1000;
    device.asked = this.now();
    if (early) return 'slow';
    if (device.state !== 'approved') return device.state;
    const challenge = verifier && createHash('sha256').update(verifier).digest('base64url');
    if ((device.challenge ?? undefined) !== challenge) return 'unknown';
    device.state = 'used';
    return device.family;
  }

  // What goes wrong

  /** Answer the next requests of `kind` with these, whatever they say. */
  script(kind, ...answers) {
    this.#scripts.push(...answers.map((answer) => ({ kind, answer })));
  }

  /**
   * Hold the next request of `kind`, before or after it has had its effect: `arrived` resolves when it is there;
   * `release()` lets it go on, `drop()` makes as if it had never come.
   */
  hold(kind, when = 'after') {
    const hold = { kind, when };
    hold.arrived = new Promise((resolve) => (hold.arrive = resolve));
    hold.released = new Promise((resolve) => {
      hold.release = () => resolve(true);
      hold.drop = () => resolve(false);
    });
    this.#holds.push(hold);
    return hold;
  }

  async #pause(kind, when) {
    const at = this.#holds.findIndex((hold) => hold.kind === kind && hold.when === when);
    if (at < 0) return;
    const [hold] = this.#holds.splice(at, 1);
    hold.arrive();
    if (!(await hold.released)) throw new Dropped();
  }

  /** Kinds of the requests since the last call. */
  kinds() {
    return this.requests.splice(0).map((request) => request.kind);
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [, host, ...rest] = request.url.split('/');
    const url = new URL(`https://${host}/${rest.join('/')}`);
    const { method, headers } = request;
    const fields = fieldsOf(headers['content-type'] ?? '', Buffer.concat(chunks).toString());
    const log = { host, path: url.pathname, method, headers, fields };
    let given;
    try {
      const row = HOSTS.find((row) => row.host.test(host));
      const handler = row?.routes[`${method} ${url.pathname}`];
      if (!handler) throw new Refusal(404, { error: 'not_found', path: `${method} ${host}${url.pathname}` });
      log.kind = handler.kind(fields);
      this.requests.push(log);
      await this.#pause(log.kind, 'before');
      const at = this.#scripts.findIndex((script) => script.kind === log.kind);
      const bearer = headers.authorization?.replace(/^Bearer /, '');
      if (at >= 0) [{ answer: given }] = this.#scripts.splice(at, 1);
      else given = await handler.answer(this, { fields, query: url.searchParams, headers, bearer, host });
      await this.#pause(log.kind, 'after');
    } catch (error) {
      if (error instanceof Dropped) return response.destroy();
      if (!(error instanceof Refusal)) console.error(error);
      given = error instanceof Refusal ? error : answer(500, { error: 'server_error' });
    }
    log.status = given.status;
    const body = typeof given.body === 'string' ? given.body : JSON.stringify(given.body);
    response.writeHead(given.status, { 'content-type': 'application/json', ...given.headers }).end(body);
  }

  #jwt(family) {
    const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(this.now() / 1000) + family.lifetime;
    return `${part({ alg: 'none' })}.${part({ exp, email: family.email })}.${random('signature')}`;
  }
}

function fieldsOf(kind, text) {
  if (kind.startsWith('application/json')) return text ? JSON.parse(text) : {};
  return Object.fromEntries(new URLSearchParams(text));
}
