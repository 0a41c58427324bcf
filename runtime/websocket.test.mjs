// A client that would rather speak WebSocket is told at once that nobody does, so that it goes on over HTTP.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { KEY, Sluice } from './harness.mjs';

/** The status and the body of an answer to an upgrade. */
function upgrade(url) {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${KEY}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const asked = request(url, { headers });
    asked.on('error', reject);
    asked.on('upgrade', () => reject(new Error('upgraded')));
    asked.on('response', async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, text });
    });
    asked.end();
  });
}

test('an upgrade of Responses is answered 426, in its own words', async (t) => {
  const sluice = await Sluice.start(t);
  const { status, text } = await upgrade(`${sluice.url}/v1/responses`);
  assert.equal(status, 426, text);
  assert.match(JSON.parse(text).error.message, /speaks no WebSocket/);
  assert.equal(sluice.provider.requests.length, 0);
  const again = await sluice.fetch('/v1/responses', { body: { model: 'gpt-5', input: 'Hi' } });
  assert.equal(again.status, 200, 'over HTTP it goes on');
});
