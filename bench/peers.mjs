// Other gateways, as far as the registries have them: installed into a cache, started as their documentation says, and
// asked to do the same translation. Who cannot be had is said aloud and left out.
//
// Not on a registry, and so not here: AIClient-2-API, and Portkey's build for workerd.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, ready, scratch, start } from './subjects.mjs';

const run = promisify(execFile);
const home = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice', 'peers');
const NPM = ['@portkey-ai/gateway@1.15.2', '@musistudio/claude-code-router@1.0.73'];
const PYPI = 'litellm[proxy]==1.80.0';
/** Enough to install or to start any of them. */
const PATIENCE_MS = 300_000;
const STARTS = 600;

async function npm() {
  const stamp = join(home, 'package.json');
  if (!existsSync(stamp)) writeFileSync(stamp, '{"private":true}');
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...NPM], { cwd: home, timeout: PATIENCE_MS });
}

async function pypi() {
  const program = join(home, 'venv', 'bin', 'litellm');
  if (existsSync(program)) return program;
  await run('python3', ['-m', 'venv', join(home, 'venv')], { timeout: PATIENCE_MS });
  await run(join(home, 'venv', 'bin', 'pip'), ['install', '--quiet', PYPI], { timeout: PATIENCE_MS });
  return program;
}

const node = (file, args, env) => start(process.execPath, [join(home, 'node_modules', file), ...args], { env: { ...process.env, ...env } });

/** Chat to a client, Messages to the provider. */
async function portkey(upstream) {
  const port = await freePort();
  const child = node('@portkey-ai/gateway/build/start-server.js', [`--port=${port}`, '--headless']);
  await ready(`http://127.0.0.1:${port}/`, STARTS);
  const host = `x-portkey-custom-host: http://127.0.0.1:${upstream}/v1`;
  return { name: 'portkey', port, pid: child.pid, headers: ['x-portkey-provider: anthropic', host] };
}

/** Messages to a client, Chat to the provider: the one way it goes. */
async function router(upstream) {
  const port = await freePort();
  const config = join(scratch, 'router');
  mkdirSync(join(config, '.claude-code-router'), { recursive: true });
  const models = ['fake', 'fake-n500-r0-b1', 'fake-n500-r50-b1'];
  const providers = [{ name: 'up', api_base_url: `http://127.0.0.1:${upstream}/v1/chat/completions`, api_key: 'k', models }];
  const text = JSON.stringify({ PORT: port, LOG: false, NON_INTERACTIVE_MODE: true, Providers: providers, Router: { default: 'up,fake' } });
  writeFileSync(join(config, '.claude-code-router', 'config.json'), text);
  const child = node('@musistudio/claude-code-router/dist/cli.js', ['start'], { HOME: config });
  await ready(`http://127.0.0.1:${port}/`, STARTS);
  return { name: 'claude-code-router', port, pid: child.pid, prefix: 'up,' };
}

async function litellm(upstream) {
  const program = await pypi();
  const port = await freePort();
  const file = join(scratch, 'litellm.yaml');
  const model = `{model_name: "*", litellm_params: {model: "anthropic/*", api_base: "http://127.0.0.1:${upstream}", api_key: k}}`;
  writeFileSync(file, `model_list:\n  - ${model}\n`);
  const child = start(program, ['--config', file, '--port', String(port), '--host', '127.0.0.1']);
  await ready(`http://127.0.0.1:${port}/health/liveliness`, STARTS);
  return { name: 'litellm', port, pid: child.pid };
}

/** Those that installed and started, by name. */
export async function peers(upstream) {
  mkdirSync(home, { recursive: true });
  const found = {};
  const installed = await npm().then(() => true, (error) => console.error(`peers: npm: ${String(error).split('\n')[0]}`));
  for (const begin of [...(installed ? [portkey, router] : []), litellm]) {
    try {
      const peer = await begin(upstream);
      found[peer.name] = peer;
    } catch (error) {
      console.error(`peers: ${begin.name} is left out: ${String(error).split('\n')[0]}`);
    }
  }
  return found;
}
