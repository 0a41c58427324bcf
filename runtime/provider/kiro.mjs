// Kiro, as a provider.

import { event, exception } from './eventstream.mjs';
import { USAGE, bearer, demand, pieces } from './wire.mjs';

export const name = 'kiro';
export const matches = (path) => path === '/generateAssistantResponse';
export const key = bearer;
export const streams = () => true;
export const contentType = 'application/vnd.amazon.eventstream';

const entries = ({ conversationState: { history = [], currentMessage } }) => [...history, currentMessage];
const context = (user) => user?.userInputMessageContext ?? {};

export function check(body, headers) {
  const malformed = (claim, why) => demand(claim, `Improperly formed request: ${why}`);
  malformed(headers['content-type'] === 'application/json', 'content-type');
  malformed(body.conversationState?.chatTriggerType === 'MANUAL', 'chatTriggerType');
  malformed(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(body.conversationState.conversationId), 'conversationId');
  let open = [];
  for (const [at, { userInputMessage: user, assistantResponseMessage: assistant }] of entries(body).entries()) {
    malformed(at % 2 === 0 ? user : assistant, `message ${at} is not of the side whose turn it is`);
    malformed((user ?? assistant).content.trim() !== '', `message ${at} is empty`);
    if (user) malformed(user.modelId && user.origin === 'AI_EDITOR', `message ${at}: modelId, origin`);
    const answered = (context(user).toolResults ?? []).map((result) => result.toolUseId);
    malformed(String(answered) === String(open), `message ${at} answers ${answered}, called were ${open}`);
    open = (assistant?.toolUses ?? []).map((use) => use.toolUseId);
  }
  malformed(body.conversationState.currentMessage.userInputMessage, 'the user must have the last word');
  const tools = context(body.conversationState.currentMessage.userInputMessage).tools ?? [];
  for (const { toolSpecification: tool } of tools) {
    malformed(tool.description !== '' && tool.description.length < 10_000 && tool.name.length <= 64, `tool ${tool.name}`);
    const schema = tool.inputSchema.json;
    malformed(!('additionalProperties' in schema) && schema.required?.length !== 0, `the schema of ${tool.name}`);
  }
}

export function read(body) {
  const users = entries(body).flatMap(({ userInputMessage: user }) => (user ? [user] : []));
  const last = users.at(-1);
  return {
    tools: (context(last).tools ?? []).map((tool) => tool.toolSpecification.name),
    results: (context(last).toolResults ?? []).map((result) => result.content[0].text),
    said: last.content,
    images: users.flatMap((user) => user.images ?? []).map((image) => image.source.bytes),
  };
}

export function frames(answer) {
  const say = (content) => event('assistantResponseEvent', { content });
  const thinking = answer.thinking ? `<thinking>${answer.thinking}</thinking>\n\n` : '';
  const calls = answer.calls.flatMap(({ name, input }, at) => {
    const call = { name, toolUseId: `tooluse_${at}` };
    const parts = pieces(JSON.stringify(input)).map((input) => ({ ...call, input }));
    return [call, ...parts, { ...call, stop: true }].map((part) => event('toolUseEvent', part));
  });
  const tokenUsage = {
    uncachedInputTokens: USAGE.input,
    cacheReadInputTokens: USAGE.cached,
    cacheWriteInputTokens: 0,
    outputTokens: USAGE.output,
    totalTokens: USAGE.input + USAGE.cached + USAGE.output,
  };
  return [
    event('messageMetadataEvent', { conversationId: 'c-1' }),
    ...pieces(thinking + answer.text).map(say),
    ...calls,
    event('metadataEvent', { stopReason: answer.calls.length > 0 ? 'TOOL_USE' : 'END_TURN', tokenUsage }),
    event('contextUsageEvent', { contextUsagePercentage: 1 }),
    event('meteringEvent', { unit: 'credit', usage: 0.1 }),
  ];
}

export const error = (_, message) => ({ message, reason: null });
export const errorFrame = (_, message) => exception('InternalServerException', { message });
