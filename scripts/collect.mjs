// Which files `scripts/import` reads: the official tools' own in the home directory, or those it is told.

import { lstatSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';

/** Where the official tools, and gateways with a place of their own, keep what can be imported. */
function places(home, env) {
  const codex = env.CODEX_HOME || join(home, '.codex');
  const claude = env.CLAUDE_CONFIG_DIR || join(home, '.claude');
  return [
    join(home, '.gemini', 'oauth_creds.json'),
    join(home, '.gemini', 'google_accounts.json'),
    join(home, '.gemini', '.env'),
    join(codex, 'auth.json'),
    join(home, '.qwen', 'oauth_creds.json'),
    join(home, '.aws', 'sso', 'cache', 'kiro-auth-token.json'),
    join(claude, '.credentials.json'),
    join(home, '.antigravity', 'oauth_creds.json'),
    join(home, '.iflow', 'oauth_creds.json'),
    join(home, '.claude-code-router', 'config.json'),
    join(home, '.cli-proxy-api'),
  ];
}

/** `{ name, text }` of what there is of the places above. */
export function atHome(home, env) {
  const files = places(home, env).flatMap((path) => read(path, home, 1));
  const kiro = files.find(({ name }) => basename(name) === 'kiro-auth-token.json');
  // The client that a login was registered with is beside it, among those of other programs.
  const hash = kiro?.text.match(/"clientIdHash"\s*:\s*"([0-9a-f]{8,64})"/)?.[1];
  if (hash !== undefined) files.push(...read(join(home, '.aws', 'sso', 'cache', `${hash}.json`), home, 0));
  return files;
}

/** `{ name, text }` of a file, or of the files in a folder that could be meant. */
export function at(path) {
  const found = read(path, '.', DEEPEST);
  if (found.length === 0 && !exists(path)) throw new Error(`${path}: there is no such file`);
  return found;
}

const DEEPEST = 5;
/** A folder of ten thousand logins, and no more than that. */
const MOST = 10_000;
/** 4 MB: what the importers read at most. */
const LARGEST = 4_000_000;

function read(path, from, depth) {
  if (!exists(path)) return [];
  const about = statSync(path);
  const name = relative(from, path) || basename(path);
  if (about.isFile()) return about.size <= LARGEST ? [{ name, text: readFileSync(path, 'utf8') }] : [];
  if (!about.isDirectory() || depth === 0) return [];
  const wanted = readdirSync(path)
    .sort()
    .filter((entry) => entry !== 'node_modules' && entry !== '.git')
    .map((entry) => join(path, entry))
    .filter((entry) => isDirectory(entry) || /\.(json|ya?ml|env|txt)$|^\.env(\.|$)|^\.dev\.vars$/.test(basename(entry)));
  return wanted.flatMap((entry) => read(entry, from, depth - 1)).slice(0, MOST);
}

const exists = (path) => statSync(path, { throwIfNoEntry: false }) !== undefined;
/** A link to a folder is not followed: it could lead around in a circle. */
const isDirectory = (path) => lstatSync(path).isDirectory();
