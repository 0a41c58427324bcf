// The usual translator, Anthropic to Chat: parse and stringify an object for each event, one enqueue each.
import { ask } from './anthropic.js';

const FINISH = { end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', tool_use: 'tool_calls' };

function translator(model) {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  const created = Math.floor(Date.now() / 1000);
  const usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
  let buffer = '';
  let id = '';
  const chunk = (delta, finish_reason = null) => ({
    id, object: 'chat.completion.chunk', created, model, choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  });
  const translate = (event) => {
    switch (event.type) {
      case 'message_start':
        id = event.message.id;
        usage.prompt_tokens = event.message.usage.input_tokens;
        return chunk({ role: 'assistant', content: '' });
      case 'content_block_delta':
        return chunk({ content: event.delta.text });
      case 'message_delta':
        usage.completion_tokens = event.usage.output_tokens;
        usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
        return { ...chunk({}, FINISH[event.delta.stop_reason] ?? 'stop'), usage };
    }
  };
  return new TransformStream({
    transform(bytes, controller) {
      buffer += decoder.decode(bytes, { stream: true });
      for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
        const frame = buffer.slice(0, end);
        buffer = buffer.slice(end + 2);
        for (const line of frame.split('\n')) {
          if (!line.startsWith('data:')) continue;
          const event = JSON.parse(line.slice(5));
          const out = translate(event);
          if (out) controller.enqueue(encoder.encode(`data: ${JSON.stringify(out)}\n\n`));
          if (event.type === 'message_stop') controller.enqueue(encoder.encode('data: [DONE]\n\n'));
        }
      }
    },
  });
}

export default {
  async fetch(request, env) {
    const body = await request.json();
    const response = await ask(env.UPSTREAM, body);
    if (!body.stream) {
      const message = await response.json();
      const content = message.content.map(({ text }) => text ?? '').join('');
      const { input_tokens, output_tokens } = message.usage;
      return Response.json({
        id: message.id, object: 'chat.completion', created: Math.floor(Date.now() / 1000), model: body.model,
        choices: [{ index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: FINISH[message.stop_reason] }],
        usage: { prompt_tokens: input_tokens, completion_tokens: output_tokens, total_tokens: input_tokens + output_tokens },
      });
    }
    return new Response(response.body.pipeThrough(translator(body.model)), { headers: { 'content-type': 'text/event-stream' } });
  },
};
