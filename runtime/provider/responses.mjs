// OpenAI Responses, as a provider.

import { USAGE, bearer, demand, pieces, sse } from './wire.mjs';

export const name = 'responses';
export const matches = (path) => path === '/v1/responses';
export const key = bearer;
export const streams = (body) => body.stream === true;

const items = (body) => (typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : body.input);

export function check(body) {
  demand(typeof body.model === 'string', 'model is required');
  demand(typeof body.input === 'string' || Array.isArray(body.input), 'input is required');
  const calls = items(body).filter((item) => item.type === 'function_call').map((item) => item.call_id);
  const answers = items(body).filter((item) => item.type === 'function_call_output').map((item) => item.call_id);
  demand(calls.every((id) => answers.includes(id)), `no tool output found for function call ${calls}`);
  demand(answers.every((id) => calls.includes(id)), `no tool call found for function call output ${answers}`);
  for (const tool of body.tools ?? []) demand(tool.type !== 'function' || tool.name, 'tools is malformed');
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''));

export function read(body) {
  return {
    tools: (body.tools ?? []).map((tool) => tool.name),
    results: items(body).filter((item) => item.type === 'function_call_output').map((item) => textOf(item.output)),
    said: textOf(items(body).findLast((item) => item.role === 'user')?.content ?? ''),
  };
}

const output = (answer) => [
  ...(answer.thinking
    ? [{ id: 'rs_1', type: 'reasoning', status: 'completed', summary: [{ type: 'summary_text', text: answer.thinking }] }]
    : []),
  ...(answer.text
    ? [
        {
          id: 'msg_1',
          type: 'message',
          status: 'completed',
          role: 'assistant',
          content: [{ type: 'output_text', text: answer.text, annotations: [], logprobs: [] }],
        },
      ]
    : []),
  ...answer.calls.map((call, at) => ({
    id: `fc_${at}`,
    type: 'function_call',
    status: 'completed',
    call_id: `call_${at}`,
    name: call.name,
    arguments: JSON.stringify(call.input),
  })),
];

export const whole = (answer, body) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1700000000,
  status: 'completed',
  error: null,
  incomplete_details: null,
  instructions: null,
  model: body.model,
  output: output(answer),
  parallel_tool_calls: true,
  tools: body.tools ?? [],
  tool_choice: 'auto',
  metadata: {},
  usage: {
    input_tokens: USAGE.input + USAGE.cached,
    input_tokens_details: { cached_tokens: USAGE.cached },
    output_tokens: USAGE.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: USAGE.input + USAGE.cached + USAGE.output,
  },
});

export function frames(answer, body) {
  let sequence_number = 0;
  const event = (type, more) => sse({ type, sequence_number: sequence_number++, ...more }, type);
  const done = whole(answer, body);
  const begun = { ...done, status: 'in_progress', output: [], usage: null };
  const item = (item, output_index) => {
    const place = { item_id: item.id, output_index };
    if (item.type === 'function_call') {
      return [
        event('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', arguments: '' } }),
        ...pieces(item.arguments).map((delta) => event('response.function_call_arguments.delta', { ...place, delta })),
        event('response.function_call_arguments.done', { ...place, name: item.name, arguments: item.arguments }),
        event('response.output_item.done', { output_index, item }),
      ];
    }
    if (item.type === 'reasoning') {
      const [part] = item.summary;
      const inside = { ...place, summary_index: 0 };
      return [
        event('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', summary: [] } }),
        event('response.reasoning_summary_part.added', { ...inside, part: { ...part, text: '' } }),
        ...pieces(part.text).map((delta) => event('response.reasoning_summary_text.delta', { ...inside, delta })),
        event('response.reasoning_summary_text.done', { ...inside, text: part.text }),
        event('response.reasoning_summary_part.done', { ...inside, part }),
        event('response.output_item.done', { output_index, item }),
      ];
    }
    const [part] = item.content;
    const inside = { ...place, content_index: 0 };
    return [
      event('response.output_item.added', { output_index, item: { ...item, status: 'in_progress', content: [] } }),
      event('response.content_part.added', { ...inside, part: { ...part, text: '' } }),
      ...pieces(part.text).map((delta) => event('response.output_text.delta', { ...inside, delta, logprobs: [] })),
      event('response.output_text.done', { ...inside, text: part.text, logprobs: [] }),
      event('response.content_part.done', { ...inside, part }),
      event('response.output_item.done', { output_index, item }),
    ];
  };
  return [
    event('response.created', { response: begun }),
    event('response.in_progress', { response: begun }),
    ...done.output.flatMap(item),
    event('response.completed', { response: done }),
  ];
}

export const error = (status, message) => ({
  error: { message, type: status === 429 ? 'rate_limit_error' : 'server_error', param: null, code: null },
});
export const errorFrame = (status, message) =>
  sse({ type: 'error', sequence_number: 0, code: `${status}`, message, param: null }, 'error');
