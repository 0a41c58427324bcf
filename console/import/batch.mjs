// The files that came together: what each is, and how one finds another that it names.

import { readEnv } from './env.mjs';
import { isObject } from './shape.mjs';
import * as yaml from './yaml.mjs';

/** 4 MB: ten thousand accounts with long tokens. */
const LARGEST = 4_000_000;

export class Batch {
  /** All of them, in the order they came. */
  files = [];
  /** Names and values of the `.env` files among them, and of the configurations that bring their own. */
  variables = new Map();
  /** Names that somebody referred to: their values belong to whoever did. */
  referred = new Set();

  static async of(files, bundle) {
    const batch = new Batch();
    for (const { name, text } of files) {
      const path = String(name ?? '').replace(/\\/g, '/');
      const file = { name: path, base: path.split('/').pop(), folder: path.split('/').slice(0, -1).join('/') };
      if (text.length > LARGEST) {
        bundle.note(`${shown(file)} is too large to be a configuration and was not read.`);
        continue;
      }
      Object.assign(file, await parse(file, text.replace(/^\uFEFF/, '')));
      if (file.env !== undefined) file.env.forEach((value, name) => batch.variables.set(name, value));
      batch.files.push(file);
    }
    return batch;
  }

  /** The file that a configuration calls `path`: the longest agreement of names from the end, if only one has it. */
  find(path) {
    const wanted = String(path ?? '')
      .replace(/\\/g, '/')
      .split('/')
      .filter((part) => part !== '' && part !== '.');
    let found = this.files.filter((file) => wanted.length > 0 && file.base === wanted.at(-1));
    for (let depth = 2; found.length > 1 && depth <= wanted.length; depth += 1) {
      const closer = found.filter((file) => file.name.split('/').at(-depth) === wanted.at(-depth));
      if (closer.length > 0) found = closer;
    }
    return found.length === 1 ? found[0] : undefined;
  }

  /** The others in the folder of `file`. */
  beside(file) {
    return this.files.filter((other) => other !== file && other.folder === file.folder);
  }

  /** The value of a variable, for somebody whose configuration names it. */
  variable(name) {
    this.referred.add(name);
    return this.variables.get(name);
  }
}

/** What a note calls a file. */
export const shown = (file) => file.name || 'The pasted text';

async function parse(file, text) {
  if (/^\.env(\..+)?$|\.env$|^\.dev\.vars$/.test(file.base)) return { text, env: readEnv(text) };
  if (/^\s*[[{]/.test(text)) {
    try {
      return { text, value: JSON.parse(text) };
    } catch {
      // Comments and commas that JSON has not: YAML forgives the commas.
      return attempt(text.replace(/^\s*\/\/.*$/gm, ''), { text, broken: true });
    }
  }
  if (/\.ya?ml$/.test(file.base)) return attempt(text, { text, broken: true });
  if (/^(model_list|api-keys|[a-z]+-api-key|openai-compatibility|litellm_settings):/m.test(text)) {
    return attempt(text, { text });
  }
  const env = readEnv(text);
  return [...env.keys()].some((name) => /^[A-Z][A-Z0-9_]*$/.test(name)) ? { text, env } : { text };
}

async function attempt(source, otherwise) {
  try {
    const value = await yaml.parse(source);
    return isObject(value) || Array.isArray(value) ? { text: otherwise.text, value } : otherwise;
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') throw new Error('the npm package js-yaml is missing: run npm ci');
    return otherwise;
  }
}
