// A list of keys: one on a line or between commas, each maybe with its provider before it.

import { add } from './env.mjs';
import { shown } from './batch.mjs';
import { at, ofKey, ofName } from './providers.mjs';

/** Long enough for a key, and made of what keys are made of. */
const KEY = /^[\w\-./+=:|]{16,4096}$/;

/** Whether it could be such a list: most of its lines are keys. */
export function matches(file) {
  if (file.value !== undefined || file.env !== undefined || file.broken) return false;
  const lines = entries(file.text);
  return lines.length > 0 && lines.filter(({ key }) => KEY.test(key)).length * 2 > lines.length;
}

export function read(file, { bundle }) {
  const unclear = new Map();
  for (const { line, name, address, key } of entries(file.text)) {
    if (!KEY.test(key)) {
      bundle.note(`${shown(file)}: line ${line} is not a key.`);
      continue;
    }
    const found = place(name, address, key);
    if (found.problem) {
      bundle.note(`${shown(file)}: line ${line} is left out, for ${found.problem}.`);
    } else if (found.provider === undefined) {
      unclear.set(found.why, [...(unclear.get(found.why) ?? []), line]);
    } else if (found.provider === 'claude') {
      bundle.account({ provider: 'claude', kind: 'oauth', label: 'Claude Code', credential: { access_token: key } });
    } else {
      add(bundle, { ...found, credential: { api_key: key } });
    }
  }
  for (const [why, lines] of unclear) {
    bundle.note(
      `${shown(file)}: ${why} (line ${lines.join(', ')}); write the provider before it, as in "deepseek: sk-…".`,
    );
  }
}

function place(name, address, key) {
  if (address !== undefined) return at(address, { name });
  if (name !== undefined) {
    return ofName(name) ?? { why: 'nobody here knows that provider without its address' };
  }
  const { provider, either, useless } = ofKey(key);
  if (provider === 'claude') return { provider };
  if (provider !== undefined) return ofName(provider);
  if (useless) return { problem: 'it is not a key that calls can be made with' };
  return { why: either ? `keys like this are made by ${either.join(' and ')}` : 'nobody can tell whose key this is' };
}

/** `key`, `provider: key`, `provider=key`, `provider,https://…,key`; `#` begins a remark. */
function entries(source) {
  const found = [];
  source.split(/\r?\n/).forEach((raw, index) => {
    const parts = raw
      .replace(/(^|\s)#.*$/, '')
      .trim()
      .replace(/^["'](.*)["'],?$/, '$1')
      .split(/[\s,;]+|----/)
      .filter((part) => part !== '');
    const line = index + 1;
    let name;
    let address;
    for (const part of parts) {
      const pair = part.match(/^([A-Za-z][\w.-]{0,30})[:=](?!\/)(.*)$/);
      if (/^https?:\/\//.test(part)) address = part;
      else if (pair !== null && (pair[2] === '' || (ofName(pair[1]) !== undefined && pair[2] !== ''))) {
        name = pair[1];
        if (pair[2] !== '') found.push({ line, name, address, key: pair[2] });
      } else if (ofName(part) !== undefined) name = part;
      else found.push({ line, name, address, key: part });
    }
  });
  return found;
}
