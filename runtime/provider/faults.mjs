// What goes wrong at a provider or on the way to it, by name. Each is played in place of a streamed answer: it gets the
// wire's frames and the response, and says what a client may see of it.
//
// - `unseen`: nothing of it reached the client, another account answers; with none left it is an error.
// - `told`: the answer had begun; the client gets one error in its protocol, and never a finish.
// - `harmless`: the whole answer.
// - `either`: whole, or one error; never half of it as if it were all.

import { brotliCompressSync, gzipSync } from 'node:zlib';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = (frame) => (typeof frame === 'string' ? Buffer.from(frame) : frame);
const whole = (frames) => Buffer.concat(frames.map(bytes));

/** Six frames reach into the content of every wire. */
const INTO = 6;
const MEBIBYTE = 1 << 20;

/** One play: `head` and `write` send, `frames` and `unknown` are what the wire would say. */
export class Stage {
  constructor(wire, frames, response) {
    Object.assign(this, { wire, frames, response });
    this.type = wire.contentType ?? 'text/event-stream';
    this.binary = this.type.includes('eventstream');
    this.lines = this.type.includes('ndjson');
  }

  /** Frames before any content: where the wire has no beginning of its own, there are none. */
  get leading() {
    return ['gemini', 'ollama', 'kiro'].includes(this.wire.name) ? 0 : 1;
  }

  head(headers = {}, status = 200) {
    this.response.writeHead(status, { 'content-type': this.type, ...headers });
    this.response.flushHeaders();
  }

  write(data) {
    return new Promise((resolve) => this.response.write(data, resolve));
  }

  async all(data, headers) {
    this.head(headers);
    for (const one of [data].flat()) await this.write(one);
    this.response.end();
  }

  /** A frame with this data, which is no event of any wire. */
  frame(data) {
    return this.lines ? `${data}\n` : `data: ${data}\n\n`;
  }

  get unknown() {
    return this.lines ? '{"surprise":true}\n' : 'event: surprise\ndata: {"type":"surprise","surprise":true}\n\n';
  }
}

const text = (change) => (stage) => stage.all(bytes(change(whole(stage.frames).toString())));
const between = (more, at) => (stage) => {
  const frames = [...stage.frames];
  frames.splice(at ?? frames.length, 0, ...[more(stage)].flat());
  return stage.all(frames);
};
/** The frames of an answer before `at`, or before its content, then the end that is given. */
const until = (at, end) => async (stage) => {
  stage.head();
  for (const frame of stage.frames.slice(0, at ?? stage.leading)) await stage.write(frame);
  // What is written reaches the reader before the reset does.
  await sleep(30);
  await end(stage);
};
const destroy = ({ response }) => response.destroy();
const reset = ({ response }) => response.socket.resetAndDestroy();
const end = ({ response }) => response.end();
const wait = () => undefined;

/** `not`: where the wire cannot have it. */
const text_only = (stage) => stage.binary;
const sse_only = (stage) => stage.binary || stage.lines;

export const FAULTS = {
  // before the answer
  'no answer: the connection is reset': { seen: 'unseen', play: reset },
  'no answer: the connection is closed': { seen: 'unseen', play: destroy },
  'no answer: silence': { seen: 'unseen', play: wait },
  'no HTTP': { seen: 'unseen', play: ({ response }) => response.socket.end('SSH-2.0-OpenSSH_9.6\r\n') },
  'a redirect to another host': {
    seen: 'unseen',
    play: ({ response }, { elsewhere }) => response.writeHead(307, { location: `${elsewhere}/v1/chat/completions` }).end(),
  },
  'a web page with 200': {
    seen: 'unseen',
    play: ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><h1>Log in</h1>'),
  },
  'a web page with 502': {
    seen: 'unseen',
    play: ({ response }) => response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>'),
  },
  'an error with 200': {
    seen: 'unseen',
    play: ({ response, wire }) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(wire.error(529, 'overloaded'))),
  },
  'an empty body with 200': { seen: 'unseen', play: (stage) => stage.all([]) },
  '204': { seen: 'unseen', play: ({ response }) => response.writeHead(204).end() },
  // about the body
  // workerd takes any 1xx for the answer itself.
  'two 1xx before the answer': {
    seen: 'unseen',
    play: async (stage) => {
      stage.response.writeProcessing();
      stage.response.writeEarlyHints({ link: '</a>; rel=preload' });
      await stage.all(stage.frames);
    },
  },
  'a content type that says nothing': { seen: 'harmless', play: (stage) => stage.all(stage.frames, { 'content-type': 'text/plain' }) },
  'a content type that is wrong': { seen: 'either', play: (stage) => stage.all(stage.frames, { 'content-type': 'application/json' }) },
  'gzip, unasked': { seen: 'harmless', play: (stage) => stage.all(gzipSync(whole(stage.frames)), { 'content-encoding': 'gzip' }) },
  'brotli, unasked': { seen: 'harmless', play: (stage) => stage.all(brotliCompressSync(whole(stage.frames)), { 'content-encoding': 'br' }) },
  'gzip that is none': { seen: 'unseen', play: (stage) => stage.all(stage.frames, { 'content-encoding': 'gzip' }) },
  'gzip that nobody mentions': { seen: 'unseen', play: (stage) => stage.all(gzipSync(whole(stage.frames))) },
  'brotli that nobody mentions': { seen: 'unseen', play: (stage) => stage.all(brotliCompressSync(whole(stage.frames))) },
  'gzip, cut': {
    seen: 'either',
    play: (stage) => {
      const packed = gzipSync(whole(stage.frames));
      return stage.all(packed.subarray(0, packed.length - 20), { 'content-encoding': 'gzip' });
    },
  },
  'an encoding that does not exist': { seen: 'either', play: (stage) => stage.all(stage.frames, { 'content-encoding': 'sluice' }) },
  'a length that is too long': {
    seen: 'either',
    play: async (stage) => {
      const body = whole(stage.frames);
      stage.head({ 'content-length': body.length + 100 });
      await stage.write(body);
      stage.response.destroy();
    },
  },
  // how the bytes come
  'one byte at a time': {
    seen: 'harmless',
    play: async (stage) => {
      stage.head();
      for (const byte of whole(stage.frames)) await stage.write(Buffer.of(byte));
      stage.response.end();
    },
  },
  'a byte now and then': {
    seen: 'harmless',
    play: async (stage) => {
      const body = whole(stage.frames);
      stage.head();
      for (let at = 0; at < body.length; at += 1) {
        await stage.write(body.subarray(at, at + 1));
        // Six times, in all more than the timer of silence.
        if (at % Math.ceil(body.length / 6) === 0) await sleep(400);
      }
      stage.response.end();
    },
  },
  CRLF: { seen: 'harmless', not: text_only, play: text((all) => all.replaceAll('\n', '\r\n')) },
  CR: { seen: 'harmless', not: sse_only, play: text((all) => all.replaceAll('\n', '\r')) },
  'a byte order mark': { seen: 'harmless', not: text_only, play: text((all) => `\ufeff${all}`) },
  'comments between': { seen: 'harmless', not: sse_only, play: text((all) => all.replaceAll('\n\n', '\n\n: a comment\n\n')) },
  // what the frames say
  'an unknown event': { seen: 'harmless', not: text_only, play: between((stage) => stage.unknown, INTO) },
  'an unknown event of 15 MiB': {
    seen: 'harmless',
    not: text_only,
    large: true,
    play: between((stage) => stage.frame(`{"type":"surprise","pad":"${'x'.repeat(15 * MEBIBYTE)}"}`), 0),
  },
  'a frame of 17 MiB at first': {
    seen: 'unseen',
    not: text_only,
    large: true,
    play: between((stage) => stage.frame(`{"type":"surprise","pad":"${'x'.repeat(17 * MEBIBYTE)}"}`), 0),
  },
  'a frame of 17 MiB later': {
    seen: 'told',
    not: text_only,
    large: true,
    play: between((stage) => stage.frame(`{"type":"surprise","pad":"${'x'.repeat(17 * MEBIBYTE)}"}`), INTO),
  },
  'a malformed event at first': { seen: 'unseen', not: text_only, play: between((stage) => stage.frame('{"choices":[{'), 0) },
  'a malformed event later': { seen: 'either', mixed: true, not: text_only, play: between((stage) => stage.frame('{"choices":[{'), INTO) },
  'an event that is no object': { seen: 'either', not: text_only, play: between((stage) => stage.frame('[7]'), INTO) },
  'the first event twice': { seen: 'either', mixed: true, play: (stage) => stage.all([stage.frames[0], ...stage.frames]) },
  'the last event twice': { seen: 'harmless', play: (stage) => stage.all([...stage.frames, stage.frames.at(-1)]) },
  'the end before the rest': { seen: 'either', mixed: true, play: (stage) => stage.all([stage.frames.at(-1), ...stage.frames.slice(0, -1)]) },
  'two events of the content change places': {
    seen: 'either',
    mixed: true,
    play: (stage) => {
      const frames = [...stage.frames];
      [frames[4], frames[5]] = [frames[5], frames[4]];
      return stage.all(frames);
    },
  },
  'more behind the end': { seen: 'harmless', not: text_only, play: between((stage) => stage.unknown) },
  'an error event at first': { seen: 'unseen', play: (stage) => stage.all(stage.wire.errorFrame(529, 'overloaded')) },
  'an error event later': {
    seen: 'told',
    play: (stage) => stage.all([...stage.frames.slice(0, INTO), stage.wire.errorFrame(529, 'overloaded')]),
  },
  // where it stops
  'silence before the content': { seen: 'unseen', play: until(undefined, wait) },
  'silence in the middle': { seen: 'told', play: until(INTO, wait) },
  'cut before the content': { seen: 'unseen', play: until(undefined, destroy) },
  'cut in the middle': { seen: 'told', play: until(INTO, destroy) },
  'reset in the middle': { seen: 'told', play: until(INTO, reset) },
  'an end without the end event': { seen: 'told', play: until(INTO, end) },
  'no last event': { seen: 'either', play: (stage) => stage.all(stage.frames.slice(0, -1)) },
};

/** Cuts all over a body: a sample of what the laws of the core try at every byte. */
const PARTS = 12;
for (let part = 1; part < PARTS; part += 1) {
  FAULTS[`cut behind ${part}/${PARTS} of the bytes`] = {
    seen: 'either',
    play: async (stage) => {
      const body = whole(stage.frames);
      stage.head();
      await stage.write(body.subarray(0, Math.floor((body.length * part) / PARTS)));
      await sleep(30);
      stage.response.destroy();
    },
  };
}

/** Those that can happen to an answer that comes in one piece. */
const WHOLE = new Set(
  Object.keys(FAULTS).filter((name) => !/event|frame|comments|CR|mark|content type|silence (before|in)|before the content|last|reset in|behind the end/.test(name)),
);

export const happens = (name, wire, streams) => {
  const stage = new Stage(wire, [], undefined);
  return streams ? !FAULTS[name].not?.(stage) : WHOLE.has(name);
};

/** Play a fault in place of an answer, which is cut into pieces if it comes whole. */
export function play(name, wire, answer, streams, body, response, surroundings) {
  if (streams) return FAULTS[name].play(new Stage(wire, wire.frames(answer, body), response), surroundings);
  const pieces = JSON.stringify(wire.whole(answer, body)).match(/[^]{1,40}/gu);
  const stage = new Stage({ ...wire, contentType: 'application/json' }, pieces, response);
  return FAULTS[name].play(stage, surroundings);
}
