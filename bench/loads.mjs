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

function stream(name, model, events, c, n) {
  return {
    name, stream: true, events, c, n,
    subjects: { ...floors(model), relay: on('chat', 'openai', model), translate: on('chat', 'anthropic', model) },
  };
}

const whole = (name, c, n, extra = {}) => ({
  name, stream: false, c, n, floor: extra.promptKb ? 'passbody' : 'pass', ...extra,
  subjects: {
    pass: { ...CLIENTS.chat, model: 'fake' },
    passbody: { ...CLIENTS.chat, model: 'fake' },
    naive: { ...CLIENTS.chat, model: 'fake' },
    relay: on('chat', 'openai', 'fake'),
    translate: on('chat', 'anthropic', 'fake'),
  },
});

const PAIRS = Object.keys(CLIENTS).flatMap((client) =>
  Object.keys(WIRES).filter((wire) => wire !== client).map((wire) => [client, wire]),
);

export const LOADS = [
  stream('500 events, unpaced', 'fake-n500-r0-b1', 500, 1, 40),
  stream('500 events, unpaced, 16 connections', 'fake-n500-r0-b1', 500, 16, 160),
  stream('5,000 events, unpaced', 'fake-n5000-r0-b1', 5000, 1, 6),
  stream('500 events, 8 a chunk', 'fake-n500-r0-b8', 500, 1, 60),
  stream('500 events at 50/s, 32 connections', 'fake-n500-r50-b1', 500, 32, 32),
  {
    name: '500 events, unpaced, every pair', stream: true, events: 500, c: 1, n: 20,
    subjects: {
      pass: { ...CLIENTS.chat, model: 'fake-n500-r0-b1' },
      ...Object.fromEntries(
        PAIRS.map(([client, wire]) => [`${wire} → ${client}`, on(client, WIRES[wire], 'fake-n500-r0-b1')]),
      ),
    },
  },
  whole('whole answer, 1 connection', 1, 1500),
  whole('whole answer, 64 connections', 64, 6000),
  whole('200 KB prompt with 30 tools', 1, 300, { promptKb: 200, toolCount: 30 }),
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
const PACED = '500 events at 50/s, 32 connections';

export const BARS = [
  ...[...UNPACED, PACED].map((load) => bar(load, 'relay', 'pass', 1.5)),
  ...UNPACED.flatMap((load) => [bar(load, 'translate', 'naive', 0.25), bar(load, 'translate', 'pass', 1.25)]),
  bar(PACED, 'translate', 'tsid', 0.4),
  bar(PACED, 'translate', 'pass', 1.25),
  ...PAIRS.map(([client, wire]) => bar('500 events, unpaced, every pair', `${wire} → ${client}`, 'pass', 1.25)),
  added('whole answer, 1 connection', 'relay', 'pass', 0.3, 'cpuMsPerRequest'),
  added('whole answer, 1 connection', 'translate', 'pass', 0.3, 'cpuMsPerRequest'),
  bar('200 KB prompt with 30 tools', 'relay', 'passbody', 1.3, 'cpuMsPerRequest'),
  bar('200 KB prompt with 30 tools', 'translate', 'passbody', 2, 'cpuMsPerRequest'),
  added('500 events, unpaced', 'relay', 'pass', 1, 'firstEventMs'),
  added('500 events, unpaced', 'translate', 'pass', 1, 'firstEventMs'),
];
