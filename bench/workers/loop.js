// A loop written by hand around a translator in Rust, entered once a chunk: no access check, no pool, no books.
import { ask } from './anthropic.js';
import module from './loop.wasm';

const { exports: rust } = new WebAssembly.Instance(module, {});
const put = (translator, bytes) => {
  const at = rust.room(translator, bytes.length);
  new Uint8Array(rust.memory.buffer, at, bytes.length).set(bytes);
};

async function translate(model, readable, writable) {
  const [reader, writer] = [readable.getReader(), writable.getWriter()];
  const translator = rust.begin();
  try {
    put(translator, new TextEncoder().encode(model));
    rust.name(translator);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      put(translator, value);
      const size = rust.turn(translator);
      // A copy: the memory is written again while the runtime still writes this.
      if (size > 0) await writer.write(new Uint8Array(rust.memory.buffer, rust.out(translator), size).slice());
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error);
  } finally {
    rust.end(translator);
  }
}

export default {
  async fetch(request, env, context) {
    const body = await request.json();
    const response = await ask(env.UPSTREAM, body);
    const { readable, writable } = new IdentityTransformStream();
    context.waitUntil(translate(body.model, response.body, writable));
    return new Response(readable, { headers: { 'content-type': 'text/event-stream' } });
  },
};
