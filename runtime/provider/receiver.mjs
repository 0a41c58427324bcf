// An address that takes whatever is posted to it: a collector of traces, a webhook.

import { createServer } from 'node:http';

export class Receiver {
  #server;
  /** Every request that came, in order. */
  requests = [];
  /** Statuses of the next answers; then 200. */
  statuses = [];

  static async start(t) {
    const receiver = new Receiver();
    receiver.#server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      receiver.requests.push({ path: request.url, headers: request.headers, text, body: JSON.parse(text) });
      response.writeHead(receiver.statuses.shift() ?? 200).end();
    });
    await new Promise((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      receiver.#server.closeAllConnections();
      return new Promise((resolve) => receiver.#server.close(resolve));
    });
    return receiver;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }
}
