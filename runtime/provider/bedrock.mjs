// Amazon Bedrock's Converse, as a provider. The key behind `AKIA-signed` is `bedrock-secret`.

import { event, exception, verify } from './eventstream.mjs';
import { USAGE, demand, pieces } from './wire.mjs';

export const name = 'bedrock';
export const matches = (path) => /^\/model\/[^/]+\/converse(-stream)?$/.test(path);
export const streams = (_, url) => url.pathname.endsWith('-stream');
export const contentType = 'application/vnd.amazon.eventstream';

export const key = ({ authorization = '' }) =>
  /^(?:Bearer |AWS4-HMAC-SHA256 Credential=)([^/ ]+)/.exec(authorization)?.[1];

const blocks = (body) => body.messages.flatMap((message) => message.content);

export function check(body, headers, request) {
  if (headers.authorization.startsWith('AWS4')) verify(request, 'bedrock-secret', 'bedrock');
  demand(!('model' in body) && !('stream' in body), 'ValidationException: extraneous key');
  let open = [];
  for (const [at, { role, content }] of body.messages.entries()) {
    demand(role === (at % 2 === 0 ? 'user' : 'assistant'), `ValidationException: messages[${at}] is not alternating`);
    demand(content.length > 0 && content.every((block) => block.text !== ''), `ValidationException: messages[${at}] is blank`);
    const answered = content.flatMap((block) => (block.toolResult ? [block.toolResult.toolUseId] : []));
    demand(String(answered) === String(open), `ValidationException: messages[${at}] answers ${answered} to ${open}`);
    open = content.flatMap((block) => (block.toolUse ? [block.toolUse.toolUseId] : []));
    for (const id of open) demand(/^[a-zA-Z0-9_-]{1,64}$/.test(id), `ValidationException: toolUseId ${id}`);
  }
  const used = blocks(body).some((block) => block.toolUse || block.toolResult);
  demand(!used || body.toolConfig?.tools.length > 0, 'ValidationException: toolConfig must be defined');
}

export function read(body) {
  const images = blocks(body).flatMap(({ image, toolResult }) => [
    ...(image ? [image.source.bytes] : []),
    ...(toolResult?.content ?? []).flatMap((part) => (part.image ? [part.image.source.bytes] : [])),
  ]);
  return {
    tools: (body.toolConfig?.tools ?? []).map((tool) => tool.toolSpec.name),
    results: blocks(body).flatMap(({ toolResult: result }) => (result ? [result.content[0].text] : [])),
    said: body.messages.at(-1).content.map((part) => part.text ?? '').join(''),
    images,
  };
}

const usage = {
  inputTokens: USAGE.input,
  outputTokens: USAGE.output,
  totalTokens: USAGE.input + USAGE.cached + USAGE.output,
  cacheReadInputTokens: USAGE.cached,
};
const stopReason = (answer) => (answer.calls.length > 0 ? 'tool_use' : 'end_turn');

export const whole = (answer) => ({
  output: {
    message: {
      role: 'assistant',
      content: [
        ...(answer.thinking ? [{ reasoningContent: { reasoningText: { text: answer.thinking, signature: 'c2ln' } } }] : []),
        ...(answer.text ? [{ text: answer.text }] : []),
        ...answer.calls.map(({ name, input }, at) => ({ toolUse: { toolUseId: `tooluse_${at}`, name, input } })),
      ],
    },
  },
  stopReason: stopReason(answer),
  usage,
});

export function frames(answer) {
  let contentBlockIndex = -1;
  const delta = (delta) => event('contentBlockDelta', { contentBlockIndex, delta });
  const block = (deltas, start) => {
    contentBlockIndex += 1;
    return [
      ...(start ? [event('contentBlockStart', { contentBlockIndex, start })] : []),
      ...deltas.map(delta),
      event('contentBlockStop', { contentBlockIndex }),
    ];
  };
  const thinking = answer.thinking
    ? block([...pieces(answer.thinking).map((text) => ({ text })), { signature: 'c2ln' }].map((part) => ({ reasoningContent: part })))
    : [];
  const text = answer.text ? block(pieces(answer.text).map((text) => ({ text }))) : [];
  const calls = answer.calls.flatMap(({ name, input }, at) =>
    block(
      pieces(JSON.stringify(input)).map((input) => ({ toolUse: { input } })),
      { toolUse: { toolUseId: `tooluse_${at}`, name } },
    ),
  );
  return [
    event('messageStart', { role: 'assistant' }),
    ...thinking,
    ...text,
    ...calls,
    event('messageStop', { stopReason: stopReason(answer) }),
    event('metadata', { usage, metrics: { latencyMs: 1 } }),
  ];
}

export const error = (_, message) => ({ message });
export const errorFrame = (_, message) => exception('internalServerException', { message });
