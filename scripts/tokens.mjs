// What real tokenizers make of texts of every kind: writes tests/fixtures/tokens.json, by which the estimate is judged.
//
// Each line of tests/fixtures/tokens.txt is a kind, a tab and a text in JSON.

import { readFileSync, writeFileSync } from 'node:fs';
import { getEncoding } from 'js-tiktoken';

const folder = new URL('../tests/fixtures/', import.meta.url);
const encodings = ['o200k', 'cl100k'].map((name) => [name, getEncoding(`${name}_base`)]);
const counted = readFileSync(new URL('tokens.txt', folder), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [kind, text] = [line.slice(0, line.indexOf('\t')), JSON.parse(line.slice(line.indexOf('\t') + 1))];
    return { kind, text, ...Object.fromEntries(encodings.map(([name, encoding]) => [name, encoding.encode(text).length])) };
  });
writeFileSync(new URL('tokens.json', folder), `${JSON.stringify(counted, null, 1)}\n`);
