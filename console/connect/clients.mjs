// The exact settings of each client. Where a client adds a path by itself the address ends before it.

/** `address` has no path, `key` is the client's, `model` any that Sluice answers. */
export const CLIENTS = [
  {
    id: 'claude-code',
    name: 'Claude Code',
    kind: 'agent',
    parts: ({ address, key, model }) => [
      shell(`export ANTHROPIC_BASE_URL=${address}\nexport ANTHROPIC_AUTH_TOKEN=${key}\nclaude --model ${model}`),
      file('~/.claude/settings.json', json({ env: { ANTHROPIC_BASE_URL: address, ANTHROPIC_AUTH_TOKEN: key, ANTHROPIC_MODEL: model } })),
    ],
  },
  {
    id: 'codex',
    name: 'Codex',
    kind: 'agent',
    parts: ({ address, key, model }) => [
      file('~/.codex/config.toml', `model = "${model}"\nmodel_provider = "sluice"\n\n[model_providers.sluice]\nname = "Sluice"\nbase_url = "${address}/v1"\nenv_key = "SLUICE_KEY"\nwire_api = "responses"\n`),
      shell(`export SLUICE_KEY=${key}\ncodex`),
    ],
  },
  {
    id: 'gemini-cli',
    name: 'Gemini CLI',
    kind: 'agent',
    parts: ({ address, key, model }) => [
      file('~/.gemini/settings.json', json({ security: { auth: { selectedType: 'gemini-api-key' } } })),
      shell(`export GOOGLE_GEMINI_BASE_URL=${address}\nexport GEMINI_API_KEY=${key}\ngemini -m ${model}`),
    ],
  },
  {
    id: 'qwen-code',
    name: 'Qwen Code',
    kind: 'agent',
    parts: ({ address, key, model }) => [shell(`export OPENAI_BASE_URL=${address}/v1\nexport OPENAI_API_KEY=${key}\nexport OPENAI_MODEL=${model}\nqwen --auth-type openai`)],
  },
  {
    id: 'opencode',
    name: 'OpenCode',
    kind: 'agent',
    parts: ({ address, key, model }) => [
      file(
        'opencode.json',
        json({
          $schema: 'https://opencode.ai/config.json',
          model: `sluice/${model}`,
          provider: { sluice: { npm: '@ai-sdk/openai-compatible', name: 'Sluice', options: { baseURL: `${address}/v1`, apiKey: key }, models: { [model]: { name: model } } } },
        }),
      ),
    ],
  },
  {
    id: 'cline',
    name: 'Cline',
    kind: 'editor',
    parts: ({ address, key, model }) => [form('Settings → API Configuration', [['API Provider', 'OpenAI Compatible'], ['Base URL', `${address}/v1`], ['API Key', key], ['Model ID', model]])],
  },
  {
    id: 'continue',
    name: 'Continue',
    kind: 'editor',
    parts: ({ address, key, model }) => [
      file('~/.continue/config.yaml', `name: Sluice\nversion: 1.0.0\nschema: v1\nmodels:\n  - name: ${model}\n    provider: openai\n    model: ${model}\n    apiBase: ${address}/v1\n    apiKey: ${key}\n    roles: [chat, edit, apply]\n`),
    ],
  },
  {
    id: 'cherry-studio',
    name: 'Cherry Studio',
    kind: 'chat',
    parts: ({ address, key, model }) => [form('Settings → Model Provider → Add', [['Provider Type', 'OpenAI'], ['API Key', key], ['API Host', address], ['Model', model]])],
  },
  {
    id: 'nextchat',
    name: 'NextChat',
    kind: 'chat',
    parts: ({ address, key, model }) => [
      form('Settings → Custom Endpoint', [['Model Provider', 'OpenAI'], ['OpenAI Endpoint', address], ['OpenAI API Key', key], ['Custom Models', `+${model}@OpenAI`]]),
      shell(`docker run -p 3000:3000 -e BASE_URL=${address} -e OPENAI_API_KEY=${key} -e CUSTOM_MODELS=+${model} yidadaa/chatgpt-next-web`),
    ],
  },
  {
    id: 'open-webui',
    name: 'Open WebUI',
    kind: 'chat',
    parts: ({ address, key }) => [
      form('Admin Settings → Connections → OpenAI API → +', [['URL', `${address}/v1`], ['Key', key]]),
      shell(`docker run -p 3000:8080 -e OPENAI_API_BASE_URL=${address}/v1 -e OPENAI_API_KEY=${key} ghcr.io/open-webui/open-webui:main`),
    ],
  },
  {
    id: 'curl',
    name: 'curl',
    kind: 'code',
    parts: ({ address, key, model }) => [
      shell(`curl -N ${address}/v1/chat/completions \\\n  -H 'authorization: Bearer ${key}' \\\n  -H 'content-type: application/json' \\\n  -d '${JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello' }] })}'`),
    ],
  },
  {
    id: 'python',
    name: 'Python',
    kind: 'code',
    parts: ({ address, key, model }) => [
      file('OpenAI', `from openai import OpenAI\n\nclient = OpenAI(base_url="${address}/v1", api_key="${key}")\nanswer = client.chat.completions.create(\n    model="${model}",\n    messages=[{"role": "user", "content": "Hello"}],\n)\nprint(answer.choices[0].message.content)\n`),
      file('Anthropic', `from anthropic import Anthropic\n\nclient = Anthropic(base_url="${address}", api_key="${key}")\nanswer = client.messages.create(\n    model="${model}",\n    max_tokens=1024,\n    messages=[{"role": "user", "content": "Hello"}],\n)\nprint(answer.content[0].text)\n`),
      file('Google', `from google import genai\n\nclient = genai.Client(api_key="${key}", http_options={"base_url": "${address}"})\nprint(client.models.generate_content(model="${model}", contents="Hello").text)\n`),
    ],
  },
  {
    id: 'node',
    name: 'Node',
    kind: 'code',
    parts: ({ address, key, model }) => [
      file('OpenAI', `import OpenAI from 'openai';\n\nconst client = new OpenAI({ baseURL: '${address}/v1', apiKey: '${key}' });\nconst answer = await client.responses.create({ model: '${model}', input: 'Hello' });\nconsole.log(answer.output_text);\n`),
      file('Anthropic', `import Anthropic from '@anthropic-ai/sdk';\n\nconst client = new Anthropic({ baseURL: '${address}', apiKey: '${key}' });\nconst answer = await client.messages.create({\n  model: '${model}',\n  max_tokens: 1024,\n  messages: [{ role: 'user', content: 'Hello' }],\n});\nconsole.log(answer.content[0].text);\n`),
      file('Google', `import { GoogleGenAI } from '@google/genai';\n\nconst client = new GoogleGenAI({ apiKey: '${key}', httpOptions: { baseUrl: '${address}' } });\nconst answer = await client.models.generateContent({ model: '${model}', contents: 'Hello' });\nconsole.log(answer.text);\n`),
    ],
  },
  {
    id: 'ollama',
    name: 'Ollama clients',
    kind: 'code',
    parts: ({ address, key, model }) => [
      file('Python', `from ollama import Client\n\nclient = Client(host="${address}", headers={"authorization": "Bearer ${key}"})\nanswer = client.chat(model="${model}", messages=[{"role": "user", "content": "Hello"}])\nprint(answer.message.content)\n`),
      shell(`export OLLAMA_HOST=${address}\nexport OLLAMA_API_KEY=${key}`),
    ],
  },
];

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;
const shell = (text) => ({ title: 'Shell', text });
const file = (title, text) => ({ title, text });
const form = (title, rows) => ({ title, rows });
