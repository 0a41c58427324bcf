// What is in the files of other systems, as a bundle that `POST /admin/api/import` takes. For the browser and Node.

import * as aiclient from './aiclient.mjs';
import { Batch, shown } from './batch.mjs';
import { Bundle } from './bundle.mjs';
import * as cliproxyapi from './cliproxyapi.mjs';
import * as codeRouter from './code_router.mjs';
import * as env from './env.mjs';
import * as keys from './keys.mjs';
import * as litellm from './litellm.mjs';
import * as logins from './logins.mjs';
import * as oneApi from './one_api.mjs';
import * as oneBalance from './one_balance.mjs';
import { isObject, object, text } from './shape.mjs';

/** Configurations first: they say more about a login than its own file. Those behind take only what is left. */
const READERS = [
  aiclient,
  cliproxyapi,
  litellm,
  codeRouter,
  oneBalance,
  oneApi,
  { title: loginTitle, matches: (file) => loginTitle(file) !== undefined, read: login },
  { title: 'variables', matches: (file) => file.env !== undefined, read: env.read },
  { title: 'list of keys', matches: keys.matches, read: keys.read },
];

/** Refreshing their login signs out whoever else has it. */
const ROTATING = new Set(['codex', 'claude', 'qwen-code', 'kiro', 'kimi', 'xai']);

/** `found` tells for each file what it was and what came out of it. No sentence in the answer holds a secret. */
export async function read(files) {
  const bundle = new Bundle();
  const batch = await Batch.of(files, bundle);
  const last = [];
  const context = { bundle, batch, rules: cliproxyapi.prepare(batch.files), later: (step) => last.push(step) };
  const told = new Map();
  for (const reader of READERS) {
    for (const file of batch.files) {
      if (told.has(file) || file.used || !reader.matches(file)) continue;
      told.set(file, attempt(reader, file, context));
    }
  }
  last.forEach((step) => step());
  const found = batch.files.map((file) => ({ name: file.name, ...(told.get(file) ?? nothing(file, bundle)) }));
  const rotating = new Set(
    bundle.accounts.filter((one) => one.kind === 'oauth' && one.credential.refresh_token).map((one) => one.provider),
  );
  const affected = [...rotating].filter((provider) => ROTATING.has(provider)).sort();
  if (affected.length > 0) {
    bundle.note(
      `Sluice renews these logins from now on (${affected.join(', ')}); the program they were taken from may have to sign in again.`,
    );
  }
  return { bundle: bundle.finish(), found };
}

function attempt(reader, file, context) {
  const before = context.bundle.counts();
  try {
    reader.read(file, context);
  } catch {
    context.bundle.note(`${shown(file)} could not be read to its end: it is not what it seems.`);
  }
  const after = context.bundle.counts();
  const grown = Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
  return { title: typeof reader.title === 'function' ? reader.title(file) : reader.title, ...grown };
}

function loginTitle({ name, value }) {
  return logins.TITLES[logins.kindOf(value, name)];
}

/** A file that brought nothing by itself: another one used it, or nobody knows it. */
function nothing(file, bundle) {
  const none = { accounts: 0, tokens: 0, routes: 0 };
  if (file.used) return { title: `part of ${file.used.base}`, ...none };
  if (isObject(file.value) && text(file.value.clientId) && text(file.value.clientSecret))
    return { title: 'client registration', ...none };
  const quiet = file.base === 'settings.json' || file.base === 'google_accounts.json';
  if (!quiet)
    bundle.note(
      file.broken ? `${shown(file)} is neither JSON nor YAML.` : `${shown(file)} is nothing that is known here.`,
    );
  return { title: quiet ? 'settings' : 'unknown', ...none };
}

function login(file, { bundle, batch }) {
  const kind = logins.kindOf(file.value, file.name);
  const more = {};
  if (kind === 'gemini-cli') {
    const near = batch.beside(file);
    const accounts = near.find(({ base }) => base === 'google_accounts.json');
    more.label = text(object(accounts?.value).active);
    const vars = near.find(({ env }) => env?.has('GOOGLE_CLOUD_PROJECT'))?.env;
    more.project_id = text(vars?.get('GOOGLE_CLOUD_PROJECT'));
  }
  if (kind === 'kiro') Object.assign(more, aiclient.registration(file, batch));
  const made = logins.account(kind, file.value, more);
  if (made === undefined || bundle.account(made) === undefined)
    return bundle.note(`${shown(file)}: there is no token in it.`);
  if (kind === 'kiro' && made.credential.auth_method !== 'social' && !made.credential.client_secret) {
    bundle.note(
      `${shown(file)}: the registration of its client did not come along, without which the login cannot be renewed; it is beside it, named by its clientIdHash.`,
    );
  }
  return undefined;
}
