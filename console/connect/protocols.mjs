// One prompt in each protocol: where it goes, what is sent, and where the text is in each event.

const messages = (prompt) => [{ role: 'user', content: prompt }];

export const PROTOCOLS = [
  {
    id: 'chat',
    name: 'OpenAI Chat',
    request: ({ model, prompt }) => ({ path: '/v1/chat/completions', body: { model, stream: true, stream_options: { include_usage: true }, messages: messages(prompt) } }),
    text: (event) => event.choices?.[0]?.delta?.content ?? '',
  },
  {
    id: 'responses',
    name: 'OpenAI Responses',
    request: ({ model, prompt }) => ({ path: '/v1/responses', body: { model, stream: true, input: prompt } }),
    text: (event) => (event.type === 'response.output_text.delta' ? event.delta : ''),
  },
  {
    id: 'messages',
    name: 'Anthropic Messages',
    headers: { 'anthropic-version': '2023-06-01' },
    request: ({ model, prompt }) => ({ path: '/v1/messages', body: { model, max_tokens: 1024, stream: true, messages: messages(prompt) } }),
    text: (event) => (event.type === 'content_block_delta' ? (event.delta?.text ?? '') : ''),
  },
  {
    id: 'gemini',
    name: 'Gemini',
    request: ({ model, prompt }) => ({ path: `/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`, body: { contents: [{ role: 'user', parts: [{ text: prompt }] }] } }),
    text: (event) => (event.candidates?.[0]?.content?.parts ?? []).filter((part) => !part.thought).map((part) => part.text ?? '').join(''),
  },
  {
    id: 'ollama',
    name: 'Ollama',
    request: ({ model, prompt }) => ({ path: '/api/chat', body: { model, messages: messages(prompt) } }),
    text: (event) => event.message?.content ?? '',
  },
];

/** Sends it and calls `onRaw` with what comes, `onText` with the words in it. Resolves when the stream has ended. */
export async function play(protocol, { model, prompt, key, signal, onHead, onRaw, onText }) {
  const { path, body } = protocol.request({ model, prompt });
  const response = await fetch(path, {
    method: 'POST',
    signal,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...protocol.headers },
    body: JSON.stringify(body),
  });
  onHead(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    onRaw(value);
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    for (const line of lines) onText(words(protocol, line));
  }
  if (rest) onText(words(protocol, rest));
}

function words(protocol, line) {
  const data = line.startsWith('data:') ? line.slice(5).trim() : line.startsWith('{') ? line : '';
  if (data === '' || data === '[DONE]') return '';
  try {
    return protocol.text(JSON.parse(data));
  } catch {
    return '';
  }
}
