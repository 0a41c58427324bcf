// The published schemas of what each protocol answers, and what ours violates of them.
//
// They are test data, kept outside: `SLUICE_SHARED`, else `../shared` beside the repository.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2020.js';

const root = fileURLToPath(new URL('..', import.meta.url));
export const SHARED = process.env.SLUICE_SHARED ?? `${root}../shared`;

/** Why tests that need the folders `names` are skipped, said aloud; `undefined` when they are there. */
export function missing(...names) {
  const absent = names.find((name) => !existsSync(`${SHARED}/${name}`));
  if (absent === undefined) return undefined;
  const reason = `no ${absent} in ${SHARED}; SLUICE_SHARED names the folder of shared test data`;
  console.log(`skipped: ${reason}`);
  return reason;
}

const FILES = {
  chat: 'openai-slim.json',
  responses: 'openai-slim.json',
  messages: 'anthropic-sdk.json',
  gemini: 'gemini-native.json',
  ollama: 'ollama.yaml',
};

const WHOLE = {
  chat: 'CreateChatCompletionResponse',
  responses: 'Response',
  messages: 'Message',
  gemini: 'GenerateContentResponse',
  ollama: 'ChatResponse',
  'ollama generate': 'GenerateResponse',
};

const STREAMED = {
  chat: 'CreateChatCompletionStreamResponse',
  responses: 'ResponseStreamEvent',
  messages: 'RawMessageStreamEvent',
  gemini: 'GenerateContentResponse',
  ollama: 'ChatStreamEvent',
  'ollama generate': 'GenerateStreamEvent',
};

const documents = new Map();

function document(protocol) {
  const file = FILES[protocol.split(' ')[0]];
  if (!documents.has(file)) {
    const text = readFileSync(`${SHARED}/specs/${file}`, 'utf8');
    const spec = file.endsWith('.yaml') ? yaml(text) : JSON.parse(text);
    // The formats are annotations: what is compared is shape.
    const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
    ajv.addSchema({ components: plain(spec.components) }, file);
    documents.set(file, { ajv, file, schemas: spec.components.schemas });
  }
  return documents.get(file);
}

/** `nullable` is a word of OpenAPI 3.0 alone. */
function plain(schema) {
  if (Array.isArray(schema)) return schema.map(plain);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, plain(value)]));
  return nullable === true ? { anyOf: [rest, { type: 'null' }] } : rest;
}

/** What `value`, a whole answer, violates. */
export const answer = (protocol, value) => check(document(protocol), WHOLE[protocol], value);

/** What `value`, one event of a stream, violates. */
export function event(protocol, value) {
  const spec = document(protocol);
  return check(spec, variant(spec, STREAMED[protocol], value), value);
}

/** The variant that `value`'s tag names: a report on all others says nothing. */
function variant({ schemas }, name, value) {
  const variants = schemas[name].anyOf ?? schemas[name].oneOf;
  if (variants === undefined) return name;
  const names = variants.map((one) => one.$ref.split('/').at(-1));
  const tag = (one) => schemas[one].properties.type.const ?? schemas[one].properties.type.enum[0];
  return names.find((one) => tag(one) === value.type) ?? name;
}

function check({ ajv, file }, name, value) {
  const validate = ajv.getSchema(`${file}#/components/schemas/${name}`);
  if (validate(value)) return [];
  const words = ({ instancePath, message, params }) => `${name}${instancePath} ${message} ${JSON.stringify(params)}`;
  return validate.errors.slice(0, 8).map(words);
}

/** As much of YAML as a specification in block style needs: maps, lists, words, and flow lists of words. */
function yaml(text) {
  const lines = text
    .split('\n')
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'));
  const scalar = (word) => {
    if (/^\[.*\]$/.test(word)) return word.slice(1, -1).split(',').map((item) => scalar(item.trim())).filter((item) => item !== '');
    if (/^(["']).*\1$/.test(word)) return word.slice(1, -1);
    if (word === 'true' || word === 'false') return word === 'true';
    return word !== '' && !Number.isNaN(Number(word)) ? Number(word) : word;
  };
  const block = (indent) => {
    const list = lines[0].text.startsWith('- ');
    const found = list ? [] : {};
    while (lines[0]?.indent === indent && lines[0].text.startsWith('- ') === list) {
      if (list) {
        const item = { indent: indent + 2, text: lines[0].text.slice(2).trim() };
        if (/^[\w$-]+:( |$)/.test(item.text)) {
          lines[0] = item;
          found.push(block(indent + 2));
        } else {
          lines.shift();
          found.push(scalar(item.text));
        }
        continue;
      }
      const [, key, rest] = lines.shift().text.match(/^("[^"]*"|'[^']*'|[^:]+):\s*(.*)$/);
      if (rest === '|' || rest === '>') {
        while (lines[0]?.indent > indent) lines.shift();
      } else if (rest !== '') {
        found[scalar(key)] = scalar(rest);
      } else if (lines[0]?.indent > indent || (lines[0]?.indent === indent && lines[0].text.startsWith('- '))) {
        found[scalar(key)] = block(lines[0].indent);
      }
    }
    return found;
  };
  // What follows the schemas is paths and examples.
  const end = lines.findIndex(({ indent, text }) => indent === 0 && text === 'paths:');
  if (end > 0) lines.length = end;
  return block(0);
}
