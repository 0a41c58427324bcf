// What is measured, and the bars it must meet. CPU is milliseconds per 1,000 events of a stream, or per request.

const chat = () => '/v1/chat/completions';
const messages = () => '/v1/messages';
const gemini = (model) => `/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`;

/** Client protocols: path and body. */
const CLIENTS = {
  chat: { path: chat, kind: 'openai' },
  messages: { path: messages, kind: 'anthropic' },
  gemini: { path: gemini, kind: 'gemini' },
  responses: { path: () => '/v1/responses', kind: 'responses' },
};
/** Wires: the provider that makes Sluice speak them to a client of another protocol. */
const WIRES = { chat: 'compat', messages: 'anthropic', gemini: 'gemini', responses: 'openai' };

const on = (client, provider, model) => ({ worker: 'sluice', ...CLIENTS[client], model: `${provider}/${model}` });
const floors = (model) => ({
  pass: { ...CLIENTS.chat, model },
  tsid: { ...CLIENTS.chat, model },
  naive: { ...CLIENTS.chat, model },
});

/** Other gateways, where they were asked for and could be had. LiteLLM is too slow for as many calls. */
const others = (model, n) => ({
  portkey: { worker: 'portkey', ...CLIENTS.chat, model },
  litellm: { worker: 'litellm', ...CLIENTS.chat, model, n: Math.ceil(n / 8) },
});

function stream(name, model, events, c, n, more = {}) {
  return {
    name, stream: true, events, c, n, ...more,
    subjects: {
      ...floors(model), relay: on('chat', 'openai', model), translate: on('chat', 'anthropic', model), ...more.subjects,
    },
  };
}

const whole = (name, c, n, extra = {}) => ({
  name, stream: false, c, n, floor: extra.promptKb ? 'passbody' : 'pass', ...extra,
  subjects: {
    pass: { ...CLIENTS.chat, model: 'fake' },
    passbody: { ...CLIENTS.chat, model: 'fake' },
    naive: { ...CLIENTS.chat, model: 'fake' },
    object: { ...CLIENTS.chat, model: 'fake' },
    relay: on('chat', 'openai', 'fake'),
    translate: on('chat', 'anthropic', 'fake'),
    ...others('fake', n),
  },
});

const PACED = '500 events at 50/s, 32 connections';

const PAIRS = Object.keys(CLIENTS).flatMap((client) =>
  Object.keys(WIRES).filter((wire) => wire !== client).map((wire) => [client, wire]),
);

export const LOADS = [
  stream('500 events, unpaced', 'fake-n500-r0-b1', 500, 1, 30, {
    subjects: {
      ...others('fake-n500-r0-b1', 30),
      loop: { ...CLIENTS.chat, model: 'fake-n500-r0-b1' },
      'translate, SLUICE_PACE=off': { ...on('chat', 'anthropic', 'fake-n500-r0-b1'), worker: 'unpaced' },
    },
  }),
  stream('500 events, unpaced, 16 connections', 'fake-n500-r0-b1', 500, 16, 64),
  stream('5,000 events, unpaced', 'fake-n5000-r0-b1', 5000, 1, 3),
  stream('500 events, 8 a chunk', 'fake-n500-r0-b8', 500, 1, 60),
  // Ten seconds each: three rounds are enough of them.
  stream(PACED, 'fake-n500-r50-b1', 500, 32, 32, { rounds: 3, subjects: others('fake-n500-r50-b1', 256) }),
  {
    name: '500 events, unpaced, every pair', stream: true, events: 500, c: 1, n: 16,
    subjects: {
      pass: { ...CLIENTS.chat, model: 'fake-n500-r0-b1' },
      ...Object.fromEntries(
        PAIRS.map(([client, wire]) => [`${wire} → ${client}`, on(client, WIRES[wire], 'fake-n500-r0-b1')]),
      ),
      'claude-code-router, chat → messages': { worker: 'claude-code-router', ...CLIENTS.messages, model: 'fake-n500-r0-b1' },
    },
  },
  whole('whole answer, 1 connection', 1, 1000),
  whole('whole answer, 64 connections', 64, 3000),
  whole('200 KB prompt with 30 tools', 1, 240, { promptKb: 200, toolCount: 30 }),
];

const bar = (load, subject, floor, most, key = 'cpuMsPer1000Events') => (table) => {
  const find = (name) => table.find((row) => row.load === load && row.subject === name)?.[key];
  const [mine, theirs] = [find(subject), find(floor)];
  return mine === undefined || theirs === undefined
    ? undefined
    : [{ what: `${load}: ${subject} / ${floor}`, is: mine / theirs, most }];
};
const added = (load, subject, floor, most, key) => (table) => {
  const find = (name) => table.find((row) => row.load === load && row.subject === name)?.[key];
  const [mine, theirs] = [find(subject), find(floor)];
  return mine === undefined || theirs === undefined
    ? undefined
    : [{ what: `${load}: ${subject} − ${floor}, ms`, is: mine - theirs, most }];
};

const UNPACED = ['500 events, unpaced', '5,000 events, unpaced'];
export const BARS = [
  ...[...UNPACED, PACED].map((load) => bar(load, 'relay', 'pass', 1.5)),
  ...UNPACED.flatMap((load) => [bar(load, 'translate', 'naive', 0.25), bar(load, 'translate', 'pass', 1.25)]),
  ...[...UNPACED.slice(0, 1), PACED].flatMap((load) => [bar(load, 'translate', 'portkey', 1), bar(load, 'translate', 'litellm', 0.2)]),
  bar('500 events, unpaced, every pair', 'chat → messages', 'claude-code-router, chat → messages', 1),
  bar('500 events, unpaced', 'translate, SLUICE_PACE=off', 'loop', 1.05),
  bar(PACED, 'translate', 'tsid', 0.4),
  bar(PACED, 'translate', 'pass', 1.25),
  ...PAIRS.map(([client, wire]) => bar('500 events, unpaced, every pair', `${wire} → ${client}`, 'pass', 1.25)),
  added('whole answer, 1 connection', 'relay', 'pass', 0.3, 'cpuMsPerRequest'),
  added('whole answer, 1 connection', 'translate', 'pass', 0.3, 'cpuMsPerRequest'),
  added('whole answer, 1 connection', 'object', 'pass', 0.3, 'cpuMsPerRequest'),
  bar('200 KB prompt with 30 tools', 'relay', 'passbody', 1.3, 'cpuMsPerRequest'),
  bar('200 KB prompt with 30 tools', 'translate', 'passbody', 2, 'cpuMsPerRequest'),
  added('500 events, unpaced', 'relay', 'pass', 1, 'firstEventMs'),
  added('500 events, unpaced', 'translate', 'pass', 1, 'firstEventMs'),
];
