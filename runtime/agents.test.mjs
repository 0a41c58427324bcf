// Coding agents, as their users run them: each does one piece of work with one tool, at a provider of another wire.
//
// They are large, and not ours: see packages.mjs. Their home is a scratch folder, their only network is loopback.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { KEY, Sluice, behave } from './harness.mjs';
import { installed, program } from './packages.mjs';

const NOTE = 'the heron flies at noon';
const COMMAND = 'cp note.txt copy.txt && cat copy.txt';
const PROMPT = 'Copy note.txt to copy.txt and tell me what it says.';
const RUN_MS = 90_000;

/** A provider's account for each wire, and the model that leads there. */
const WIRES = {
  chat: { key: 'openai-key-a', model: 'gpt-4.1' },
  messages: { key: 'anthropic-key-a', model: 'claude-sonnet-4-5' },
  gemini: { key: 'gemini-key-a', model: 'gemini-2.5-flash' },
};

/** Without a terminal, whose last words get lost on a busy machine. */
const PLAIN_SHELL = { shell: { enableInteractiveShell: false } };

/** Codex with `model`, at a provider that is of our own making unless `provider` names its own. */
const codex = (url, model, provider = 'model_provider = "sluice"') => ({
  program: 'codex',
  args: ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', PROMPT],
  files: {
    '.codex/config.toml': `
      model = "${model}"
      ${provider}
      check_for_update_on_startup = false
      [analytics]
      enabled = false
      [model_providers.sluice]
      name = "Sluice"
      base_url = "${url}/v1"
      env_key = "SLUICE_KEY"
      wire_api = "responses"
    `,
  },
  env: { SLUICE_KEY: KEY },
});

/** Each with a wire that is not its own, its name and arguments for a shell, and what makes it use us. */
const AGENTS = [
  {
    package: ['@openai/codex', '0.169.0'],
    wire: 'messages',
    tool: { name: 'exec_command', input: { cmd: COMMAND } },
    run: (url, model) => codex(url, model),
  },
  {
    // Its built-in provider asks for a WebSocket first.
    package: ['@openai/codex', '0.169.0'],
    wire: 'gemini',
    tool: { name: 'exec_command', input: { cmd: COMMAND } },
    run: (url, model) => ({
      ...codex(url, model, `openai_base_url = "${url}/v1"`),
      env: { OPENAI_API_KEY: KEY, CODEX_API_KEY: KEY },
    }),
  },
  {
    // Its default model has one freeform tool, in a namespace, that runs JavaScript.
    package: ['@openai/codex', '0.169.0'],
    wire: 'messages',
    model: 'gpt-6.1-sol',
    tool: {
      name: 'functions__exec',
      input: { input: `text((await tools.exec_command({ cmd: ${JSON.stringify(COMMAND)} })).output)` },
    },
    run: (url, model) => codex(`${url}/anthropic`, model),
  },
  {
    package: ['@anthropic-ai/claude-code', '2.1.329'],
    wire: 'chat',
    tool: { name: 'Bash', input: { command: COMMAND, description: 'Copies the note' } },
    run: (url, model) => ({
      program: 'claude',
      args: ['-p', PROMPT, '--model', model, '--allowedTools', 'Bash'],
      env: {
        ANTHROPIC_BASE_URL: url,
        ANTHROPIC_API_KEY: KEY,
        ANTHROPIC_SMALL_FAST_MODEL: model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        DISABLE_AUTOUPDATER: '1',
        DISABLE_TELEMETRY: '1',
      },
    }),
  },
  {
    package: ['@google/gemini-cli', '0.61.0'],
    wire: 'chat',
    tool: { name: 'run_shell_command', input: { command: COMMAND, description: 'Copies the note' } },
    run: (url, model) => ({
      program: 'gemini',
      args: ['-p', PROMPT, '-m', model, '--yolo'],
      files: {
        '.gemini/settings.json': JSON.stringify({
          security: { auth: { selectedType: 'gemini-api-key' } },
          privacy: { usageStatisticsEnabled: false },
          telemetry: { enabled: false },
          general: { disableAutoUpdate: true, disableUpdateNag: true, enableAutoUpdate: false },
          tools: PLAIN_SHELL,
        }),
      },
      env: { GEMINI_API_KEY: KEY, GOOGLE_GEMINI_BASE_URL: url, GEMINI_CLI_TRUST_WORKSPACE: 'true' },
    }),
  },
  {
    package: ['@qwen-code/qwen-code', '0.24.4'],
    wire: 'gemini',
    tool: { name: 'run_shell_command', input: { command: COMMAND, description: 'Copies the note', is_background: false } },
    run: (url, model) => ({
      program: 'qwen',
      args: ['-p', PROMPT, '--auth-type', 'openai', '--model', model, '--yolo'],
      files: {
        '.qwen/settings.json': JSON.stringify({
          privacy: { usageStatisticsEnabled: false },
          telemetry: { enabled: false },
          general: { disableAutoUpdate: true, enableAutoUpdate: false },
          tools: PLAIN_SHELL,
        }),
      },
      env: { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1`, OPENAI_MODEL: model },
    }),
  },
];

/** Runs to the end, or is killed with all it started. */
function run(file, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const done = { out: '', log: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (done.out += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (done.log += text));
    const end = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), RUN_MS);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(end);
      resolve({ ...done, code });
    });
  });
}

for (const agent of AGENTS) {
  const [name, version] = agent.package;
  test(`${name} ${version} works through ${agent.wire}${agent.model ? `, as ${agent.model}` : ''}`, { timeout: 400_000 }, async (t) => {
    const folder = await installed(t, name, version);
    if (folder === undefined) return;
    const sluice = await Sluice.start(t);
    const { key, model } = { ...WIRES[agent.wire], ...(agent.model && { model: agent.model }) };
    sluice.provider.script(
      [key, key.replace(/a$/, 'b')],
      behave.answer(({ tools, results }) => {
        if (results.length > 0) return { text: `It says: ${results.at(-1)}`, calls: [] };
        return tools.includes(agent.tool.name) ? { text: '', calls: [agent.tool] } : { text: 'Nothing to do.', calls: [] };
      }),
    );
    const home = mkdtempSync(join(tmpdir(), 'sluice-agent-'));
    t.after(() => rmSync(home, { recursive: true, force: true }));
    const work = join(home, 'work');
    const { program: file, args, files = {}, env } = agent.run(sluice.url, model);
    for (const [path, text] of Object.entries({ ...files, 'work/note.txt': NOTE })) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), text);
    }
    // What would leave this machine goes to a proxy that is not there.
    const nowhere = 'http://127.0.0.1:9';
    const done = await run(program(folder, file), args, {
      cwd: work,
      env: {
        ...env,
        PATH: process.env.PATH,
        HOME: home,
        TERM: 'dumb',
        HTTP_PROXY: nowhere,
        HTTPS_PROXY: nowhere,
        NO_PROXY: '127.0.0.1,localhost',
      },
    });
    const all = `${done.out}\n${done.log}`.slice(-4000);
    assert.equal(done.code, 0, all);
    assert.match(done.out, new RegExp(`It says: [^]*${NOTE}`), all);
    assert.equal(readFileSync(join(work, 'copy.txt'), 'utf8'), NOTE);
    const asked = sluice.provider.requests.filter(({ wire }) => wire.name === agent.wire);
    const results = asked.flatMap(({ wire, body }) => wire.read(body).results);
    assert.ok(results.some((result) => result.includes(NOTE)), `${results}`);
  });
}
