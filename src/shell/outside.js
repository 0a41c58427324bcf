// One request and its whole answer: what the object asks by itself, apart from any client's call.

/** `[status, "name: value" lines, body]`. A redirect is an answer: what is asked here carries credentials. */
export async function ask(method, url, headers, body, ms, limit) {
  const list = [];
  for (let at = 0; at < headers.length; at += 2) list.push([headers[at], headers[at + 1]]);
  // Bytes from Rust are a view of memory that moves.
  const sent = body.length === 0 ? undefined : body.slice();
  const signal = AbortSignal.timeout(ms);
  const response = await fetch(url, { method, headers: list, body: sent, redirect: 'manual', signal });
  const chunks = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) throw new Error('the answer is too long');
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return [response.status, [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n'), whole];
}

/** RSASSA-PKCS1-v1_5 with SHA-256. */
export async function sign(pkcs8, input) {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('pkcs8', pkcs8.slice(), algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(input)));
}
