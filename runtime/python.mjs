// A Python with the packages a test is about, in a cache.

import { execFile } from 'node:child_process';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);

/** The official packages of those whose protocols are spoken here. */
export const SDKS = ['openai==3.57.0', 'anthropic==2.14.0', 'google-genai==3.6.1', 'ollama==0.6.3'];

/** Where that Python is; `undefined`, with `t` skipped aloud, where the packages cannot be had. */
export async function python(t, packages) {
  const name = packages.map((pin) => pin.replace('==', '-')).join('_');
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice', name);
  const skip = (reason) => {
    console.log(`skipped: ${reason}`);
    t.skip(reason);
  };
  if (process.env.SLUICE_AGENTS === '0') return skip(`SLUICE_AGENTS=0 does without ${packages.join(', ')}`);
  if (!existsSync(folder)) {
    const part = `${folder}.${process.pid}`;
    console.log(`Installing ${packages.join(', ')} into ${folder} (once).`);
    try {
      await run('python3', ['-m', 'venv', part], { timeout: 60_000 });
      await run(`${part}/bin/python`, ['-m', 'pip', 'install', '-q', '--retries=0', ...packages], { timeout: 300_000 });
      renameSync(part, folder);
    } catch (error) {
      rmSync(part, { recursive: true, force: true });
      // Another test may have been faster.
      if (existsSync(folder)) return `${folder}/bin/python`;
      return skip(`${packages.join(', ')}: ${`${error.stderr || error.message}`.trim().split('\n').at(-1)}`);
    }
  }
  return `${folder}/bin/python`;
}
