// A provider's endpoints that Sluice does not model: files, audio, Gemini's uploads. It keeps every byte that it is sent.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const json = (response, status, body, headers = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

export class Files {
  #server;
  #files = new Map();
  /** Every request that came, in order. */
  requests = [];
  /** Keys that are limited. */
  limited = new Set();

  static async start() {
    const files = new Files();
    files.#server = createServer((request, response) =>
      files.#serve(request, response).catch((error) => json(response, 400, { error: { message: error.message } })),
    );
    await new Promise((resolve) => files.#server.listen(0, '127.0.0.1', resolve));
    return files;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(name, purpose, bytes) {
    const id = `file-${this.#files.size + 1}`;
    const shown = { id, object: 'file', bytes: bytes.length, created_at: 1, filename: name, purpose, status: 'processed' };
    this.#files.set(id, { shown, bytes });
    return shown;
  }

  async #serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const { method, headers } = request;
    const url = new URL(request.url, this.url);
    const key = headers['x-goog-api-key'] ?? headers.authorization?.replace('Bearer ', '') ?? null;
    this.requests.push({ key, method, path: url.pathname + url.search, headers, body });
    // Where an upload goes on is an address that is a key by itself.
    if (key === null && !url.searchParams.has('upload_id')) return json(response, 401, { error: { message: 'no key' } });
    if (this.limited.has(key)) {
      return json(response, 429, { error: { message: 'limited by script' } }, { 'retry-after': '60' });
    }
    const form = () => new Response(body, { headers: { 'content-type': headers['content-type'] } }).formData();
    const [, id, content] = /^\/v1\/files\/([^/]+)(\/content)?$/.exec(url.pathname) ?? [];
    const file = this.#files.get(id);
    switch (`${method} ${url.pathname.replace(id ?? '\0', '*').replace('/upload/v1/', '/upload/v1beta/')}`) {
      case 'POST /v1/files': {
        const fields = await form();
        const given = fields.get('file');
        return json(response, 200, this.#keep(given.name, fields.get('purpose'), Buffer.from(await given.arrayBuffer())));
      }
      case 'GET /v1/files':
        return json(response, 200, { object: 'list', has_more: false, data: [...this.#files.values()].map(({ shown }) => shown) });
      case 'GET /v1/files/*':
      case 'GET /v1/files/*/content':
        if (file === undefined) return json(response, 404, { error: { message: `no such file: ${id}` } });
        if (content === undefined) return json(response, 200, file.shown);
        response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' });
        // In pieces, as a large one comes.
        for (let at = 0; at < file.bytes.length; at += 50_000) response.write(file.bytes.subarray(at, at + 50_000));
        return response.end();
      case 'DELETE /v1/files/*':
        this.#files.delete(id);
        return json(response, 200, { id, object: 'file', deleted: true });
      case 'POST /v1/audio/transcriptions': {
        const bytes = Buffer.from(await (await form()).get('file').arrayBuffer());
        return json(response, 200, { text: createHash('sha256').update(bytes).digest('hex') });
      }
      case 'POST /v1/audio/speech':
        response.writeHead(200, { 'content-type': 'audio/mpeg' });
        return response.end(Buffer.from(JSON.parse(body).input, 'base64'));
      case 'POST /upload/v1beta/files': {
        const command = headers['x-goog-upload-command'];
        if (command === 'start') {
          const at = `${this.url}/upload/v1beta/files?upload_id=u1&upload_protocol=resumable`;
          response.writeHead(200, { 'x-goog-upload-url': at, 'x-goog-upload-status': 'active' });
          return response.end();
        }
        if (command !== 'upload, finalize') return json(response, 400, { error: { message: `command ${command}` } });
        const { id: name } = this.#keep('upload', 'gemini', body);
        const shown = { name: `files/${name}`, sizeBytes: `${body.length}`, state: 'ACTIVE', uri: `${this.url}/v1beta/files/${name}` };
        return json(response, 200, { file: shown }, { 'x-goog-upload-status': 'final' });
      }
      default: {
        const [, given] = /^\/v1beta\/files\/([^/:]+):download$/.exec(url.pathname) ?? [];
        if (!this.#files.has(given)) return json(response, 404, { error: { message: `no such path: ${url.pathname}` } });
        return response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(this.#files.get(given).bytes);
      }
    }
  }
}
