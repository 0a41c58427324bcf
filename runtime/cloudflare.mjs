// Cloudflare's API on loopback, as far as `wrangler` asks it for a deployment: one account, empty at first.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const ACCOUNT = '0123456789abcdef0123456789abcdef';

export class Cloudflare {
  #server;
  /** `method path` of everything it was asked, in order. */
  asked = [];
  /** What it was asked and does not know. */
  unknown = [];
  databases = [];
  namespaces = [];
  /** The script's last upload: its metadata, and the sizes of its modules. */
  script;
  uploads = 0;
  refusesUploads = false;
  secrets = new Map();
  /** Static files: the path and hash of each, and hashes that were uploaded. */
  assets = {};
  #uploaded = new Set();

  static async start() {
    const cloudflare = new Cloudflare();
    cloudflare.#server = createServer((request, response) => cloudflare.#serve(request, response));
    await new Promise((resolve) => cloudflare.#server.listen(0, '127.0.0.1', resolve));
    return cloudflare;
  }

  /** What makes `wrangler` ask here and nobody else. */
  get env() {
    return {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${this.#server.address().port}/client/v4`,
      CLOUDFLARE_API_TOKEN: 'token-of-the-tests',
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_SEND_ERROR_REPORTS: 'false',
    };
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = new URL(request.url, 'http://cloudflare');
    const path = url.pathname.replace('/client/v4', '').replace(`/accounts/${ACCOUNT}`, '');
    this.asked.push(`${request.method} ${path}`);
    const token = path === '/workers/assets/upload' ? 'upload-of-the-tests' : 'token-of-the-tests';
    const wrong = request.headers.authorization !== `Bearer ${token}`;
    const answer = wrong ? refusal(403, 9109, 'Invalid access token') : await this.#answer(request, path, body);
    if (answer === undefined) this.unknown.push(`${request.method} ${path}`);
    const { status, ...rest } = answer ?? refusal(404, 7003, `no route for ${path}`);
    response.writeHead(status ?? 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ success: (status ?? 200) < 400, errors: [], messages: [], result: null, ...rest }));
  }

  async #answer(request, path, body) {
    const json = () => JSON.parse(body.toString());
    const worker =
      this.script === undefined ? refusal(404, 10007, 'This Worker does not exist on your account.') : undefined;
    const database = path.match(/^\/d1\/database\/([^/]+)$/)?.[1];
    if (database !== undefined && request.method === 'GET') {
      const found = this.databases.find(({ name, uuid }) => name === database || uuid === database);
      return found ? { result: found } : refusal(404, 7404, 'The database could not be found');
    }
    switch (`${request.method} ${path}`) {
      case 'GET /user/tokens/verify':
        return { result: { id: 'token', status: 'active' } };
      case 'GET /user':
        return refusal(403, 9109, 'the token may not read the user');
      case 'GET /memberships':
      case 'GET /accounts':
        return list([{ id: ACCOUNT, name: 'Tests', account: { id: ACCOUNT, name: 'Tests' } }]);
      case 'GET /workers/services/sluice':
        return (
          worker ?? {
            result: {
              default_environment: {
                environment: 'production',
                script: { tag: 't', tags: null, last_deployed_from: 'wrangler' },
              },
            },
          }
        );
      case 'GET /workers/scripts':
        return list(
          this.script
            ? [{ id: 'sluice', migration_tag: this.script.metadata.migrations?.new_tag ?? this.script.tag }]
            : [],
        );
      case 'GET /workers/scripts/sluice/settings':
        return worker ?? { result: { bindings: this.#bindings() } };
      case 'GET /workers/scripts/sluice/secrets':
        return worker ?? { result: [...this.secrets.keys()].map((name) => ({ name, type: 'secret_text' })) };
      case 'PUT /workers/scripts/sluice/secrets':
        return worker ?? this.#secret(json());
      case 'PATCH /workers/scripts/sluice/settings':
        return worker ?? this.#settings(await form(request, body));
      case 'GET /storage/kv/namespaces':
        return list(this.namespaces);
      case 'POST /storage/kv/namespaces':
        return { result: push(this.namespaces, { id: randomUUID().replaceAll('-', ''), title: json().title }) };
      case 'GET /d1/database':
        return list(this.databases);
      case 'POST /d1/database':
        return { result: push(this.databases, { uuid: randomUUID(), name: json().name, version: 'production' }) };
      case 'GET /workers/scripts/sluice/deployments':
        return worker ?? { result: { deployments: [] } };
      case 'POST /workers/scripts/sluice/assets-upload-session':
        return { result: this.#session(json().manifest) };
      case 'POST /workers/assets/upload':
        for (const hash of (await form(request, body)).keys()) this.#uploaded.add(hash);
        return { status: 201, result: { jwt: 'all-assets-are-there' } };
      case 'PUT /workers/scripts/sluice':
        return this.#upload(await form(request, body));
      case 'POST /workers/scripts/sluice/versions':
        return worker ?? this.#upload(await form(request, body));
      case 'GET /workers/scripts/sluice/subdomain':
      case 'POST /workers/scripts/sluice/subdomain':
        return { result: { enabled: true, previews_enabled: true } };
      case 'GET /workers/subdomain':
        return { result: { subdomain: 'tests' } };
      case 'PUT /workers/scripts/sluice/schedules':
        return { result: { schedules: json() } };
      case 'PATCH /workers/scripts/sluice/script-settings':
      case 'GET /workers/scripts/sluice/script-settings':
        return { result: {} };
      case 'POST /workers/scripts/sluice/deployments':
        return { result: { id: randomUUID() } };
      default:
        return undefined;
    }
  }

  #bindings() {
    const secrets = [...this.secrets.keys()].map((name) => ({ name, type: 'secret_text' }));
    return [...this.script.metadata.bindings, ...secrets];
  }

  #session(manifest) {
    this.assets = Object.fromEntries(Object.entries(manifest).map(([path, { hash }]) => [path, hash]));
    const missing = [...new Set(Object.values(this.assets))].filter((hash) => !this.#uploaded.has(hash));
    return missing.length === 0
      ? { buckets: [], jwt: 'all-assets-are-there' }
      : { buckets: [missing], jwt: 'upload-of-the-tests' };
  }

  async #upload(parts) {
    if (this.refusesUploads) return refusal(400, 10021, 'Script startup exceeded CPU time limit.');
    const metadata = JSON.parse(await parts.get('metadata'));
    if (metadata.assets.jwt !== 'all-assets-are-there') return refusal(400, 10021, 'assets are missing');
    // What is inherited stays what it was.
    const before = this.script?.metadata.bindings ?? [];
    metadata.bindings = metadata.bindings.map((binding) =>
      binding.type === 'inherit' ? before.find((other) => other.name === binding.name) : binding,
    );
    if (metadata.bindings.includes(undefined)) return refusal(400, 10057, 'there is nothing to inherit');
    const modules = [...parts]
      .filter(([name]) => name !== 'metadata')
      .map(([name, file]) => ({ name, size: file.size }));
    this.script = { metadata, modules, tag: metadata.migrations?.new_tag ?? this.script?.tag };
    this.uploads += 1;
    const about = { startup_time_ms: 12, deployment_id: randomUUID(), entry_point: 'index.js' };
    const resources = { script: { etag: 'e', handlers: ['fetch'] }, script_runtime: {}, bindings: {} };
    return { result: { id: randomUUID(), tag: 't', metadata: { has_preview: true }, resources, ...about } };
  }

  #secret({ name, text }) {
    this.secrets.set(name, text);
    return { result: { name, type: 'secret_text' } };
  }

  #settings(parts) {
    const { bindings } = JSON.parse(parts.get('settings'));
    // The whole list: what is not in it goes, a secret without its text stays what it is.
    const secrets = bindings.filter(({ type }) => type === 'secret_text');
    this.secrets = new Map(secrets.map(({ name, text }) => [name, text ?? this.secrets.get(name)]));
    return { result: { bindings } };
  }
}

const refusal = (status, code, message) => ({ status, errors: [{ code, message }] });
const list = (result) => ({
  result,
  result_info: { page: 1, per_page: 100, count: result.length, total_count: result.length },
});
const push = (items, item) => (items.push(item), item);

const form = (request, body) =>
  new Response(body, { headers: { 'content-type': request.headers['content-type'] } }).formData();
