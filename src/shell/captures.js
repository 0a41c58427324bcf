// Captures in D1: compressed on their way in, and read back a row at a time.

const squeezed = (stream) => new Response(stream).arrayBuffer();

/** Store a document with the statement that lacks its size and bytes; whether it was small enough. */
export async function keep(env, text, document, largest) {
  const [sql, values] = JSON.parse(text);
  // Bytes from Rust are a view of memory that moves.
  const plain = new Blob([document.slice()]).stream();
  const body = await squeezed(plain.pipeThrough(new CompressionStream('gzip')));
  if (body.byteLength > largest) return false;
  await env.DB.prepare(sql).bind(...values, body.byteLength, body).run();
  return true;
}

/** The text of a document as D1 gives it: a list of numbers. */
const opened = async (body) => {
  const plain = new Blob([new Uint8Array(body)]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(plain).text();
};

/** The row of one capture, as JSON text, and its document; `undefined` where there is none. */
export async function one(env, text) {
  const [sql, values] = JSON.parse(text);
  const row = await env.DB.prepare(sql).bind(...values).first();
  if (row === null) return undefined;
  const { body, ...meta } = row;
  return [JSON.stringify(meta), await opened(body)];
}

const encoder = new TextEncoder();

/** All captures of a statement whose first value is the id before the page, as lines that `lines` makes of them. */
export function exported(env, text, lines) {
  const [sql, [, ...values]] = JSON.parse(text);
  let after = 0;
  let rows = [];
  let over = false;
  const next = async () => {
    for (;;) {
      if (rows.length === 0) {
        ({ results: rows } = await env.DB.prepare(sql).bind(after, ...values).all());
        if (rows.length === 0) return undefined;
      }
      const { body, ...meta } = rows.shift();
      after = meta.id;
      const line = lines.line(JSON.stringify(meta), await opened(body));
      if (line !== undefined) return line;
    }
  };
  const end = () => {
    if (!over) lines.free();
    over = true;
  };
  return new ReadableStream({
    async pull(controller) {
      try {
        const line = await next();
        if (line !== undefined) return controller.enqueue(encoder.encode(`${line}\n`));
        end();
        controller.close();
      } catch (error) {
        // Cut, so that nobody takes it for all there is.
        end();
        controller.error(error);
      }
    },
    cancel: end,
  });
}
