// Gemini, as a provider.

import { USAGE, demand, pieces, sse } from './wire.mjs';

export const name = 'gemini';
export const matches = (path) => /^\/v1beta\/models\/[^/]+:(generateContent|streamGenerateContent)$/.test(path);
export const key = (headers) => headers['x-goog-api-key'];

export function streams(_, url) {
  const streams = url.pathname.endsWith(':streamGenerateContent');
  if (streams) demand(url.searchParams.get('alt') === 'sse', 'this provider only streams with alt=sse');
  return streams;
}

const parts = (body) => body.contents.flatMap((content) => content.parts);

export function check(body) {
  demand(Array.isArray(body.contents) && body.contents.length > 0, 'contents is not specified');
  let open = [];
  for (const [at, content] of body.contents.entries()) {
    demand(['user', 'model', 'function', undefined].includes(content.role), `contents[${at}].role is not valid`);
    demand(Array.isArray(content.parts) && content.parts.length > 0, `contents[${at}].parts must not be empty`);
    for (const part of content.parts) {
      const known = ['text', 'functionCall', 'functionResponse', 'inlineData', 'fileData', 'thoughtSignature'];
      demand(known.some((name) => name in part), `contents[${at}].parts: data is required`);
    }
    const answered = content.parts.flatMap((part) => (part.functionResponse ? [part.functionResponse.name] : []));
    demand(answered.length === open.length, `contents[${at}]: ${open.length} calls, ${answered.length} responses`);
    demand(answered.every((name) => open.includes(name)), `contents[${at}]: response to a function that was not called`);
    for (const part of content.parts) {
      const response = part.functionResponse?.response;
      demand(response === undefined || (typeof response === 'object' && !Array.isArray(response)), 'response: object');
    }
    open = content.parts.flatMap((part) => (part.functionCall ? [part.functionCall.name] : []));
  }
}

export function read(body) {
  const declarations = (body.tools ?? []).flatMap((tool) => tool.functionDeclarations ?? []);
  const last = body.contents.findLast((content) => content.role !== 'model');
  return {
    tools: declarations.map((declaration) => declaration.name),
    results: parts(body).flatMap(({ functionResponse: result }) => (result ? [Object.values(result.response).join()] : [])),
    said: last.parts.map((part) => part.text ?? '').join(''),
  };
}

const usageMetadata = {
  promptTokenCount: USAGE.input + USAGE.cached,
  cachedContentTokenCount: USAGE.cached,
  candidatesTokenCount: USAGE.output,
  totalTokenCount: USAGE.input + USAGE.cached + USAGE.output,
};

const chunk = (parts, more = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
  usageMetadata,
  modelVersion: 'gemini-test',
  responseId: 'resp-1',
});

const calls = (answer) => answer.calls.map((call) => ({ functionCall: { name: call.name, args: call.input } }));

const thought = (text) => ({ text, thought: true });

export const whole = (answer) =>
  chunk([...(answer.thinking ? [thought(answer.thinking)] : []), ...(answer.text ? [{ text: answer.text }] : []), ...calls(answer)], { finishReason: 'STOP' });

export const frames = (answer) => [
  ...pieces(answer.thinking ?? '').map((text) => sse(chunk([thought(text)]))),
  ...pieces(answer.text).map((text) => sse(chunk([{ text }]))),
  ...calls(answer).map((part) => sse(chunk([part]))),
  sse(chunk([{ text: '' }], { finishReason: 'STOP' })),
];

const STATUS = { 400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE' };

export const error = (status, message) => ({ error: { code: status, message, status: STATUS[status] ?? 'UNKNOWN' } });
export const errorFrame = (status, message) => sse(error(status, message));
