// What the translators of the floors ask the provider: a request of Chat, in Anthropic's words.
const toAnthropic = (body) => {
  const system = [];
  const messages = [];
  for (const { role, content } of body.messages) {
    if (role === 'system') system.push(content);
    else messages.push({ role, content: [{ type: 'text', text: content }] });
  }
  const request = { model: body.model.split('/').pop(), max_tokens: body.max_tokens ?? 4096, messages, stream: !!body.stream };
  if (system.length > 0) request.system = system.join('\n');
  if (body.tools) {
    const tool = ({ function: f }) => ({ name: f.name, description: f.description, input_schema: f.parameters });
    request.tools = body.tools.map(tool);
  }
  return request;
};

export const ask = (upstream, body) =>
  fetch(`${upstream}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify(toAnthropic(body)),
  });
