// AWS event stream messages, and a look at signatures.

import { createHash, createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { demand } from './wire.mjs';

function message(headers, payload) {
  const encoded = Object.entries(headers).map(([name, value]) => {
    const bytes = Buffer.from(value);
    const head = Buffer.from([name.length, ...Buffer.from(name), 7, bytes.length >> 8, bytes.length & 255]);
    return Buffer.concat([head, bytes]);
  });
  const head = Buffer.concat(encoded);
  const body = Buffer.from(JSON.stringify(payload));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + body.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(sum(prelude.subarray(0, 8)), 8);
  const whole = Buffer.concat([prelude, head, body]);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(sum(whole));
  return Buffer.concat([whole, end]);
}

/** `crc32` came to Node's zlib late. */
function sum(bytes) {
  if (crc32 !== undefined) return crc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

export const event = (name, payload) =>
  message({ ':event-type': name, ':content-type': 'application/json', ':message-type': 'event' }, payload);
export const exception = (name, payload) =>
  message({ ':exception-type': name, ':content-type': 'application/json', ':message-type': 'exception' }, payload);

/** Refuse a request whose signature is not that of `secret`. */
export function verify({ method, path, headers, text }, secret, service) {
  const authorization = headers.authorization ?? '';
  const [, scope, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(authorization) ?? [];
  demand(signature !== undefined, 'IncompleteSignatureException');
  demand(scope.endsWith(`/${service}/aws4_request`), `the scope is ${scope}`);
  const digest = (data) => createHash('sha256').update(data).digest('hex');
  const lines = names.split(';').map((name) => `${name}:${headers[name].trim()}\n`);
  const twice = path.replace(/%/g, '%25');
  const canonical = [method, twice, '', lines.join(''), names, digest(text)].join('\n');
  const signed = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, digest(canonical)].join('\n');
  const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
  const key = scope.split('/').reduce(hmac, `AWS4${secret}`);
  demand(hmac(key, signed).toString('hex') === signature, 'InvalidSignatureException');
}
