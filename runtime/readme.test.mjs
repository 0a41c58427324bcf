// What the two READMEs and the tables of docs/ say, beside the code they are about.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CLIENTS } from '../console/connect/clients.mjs';
import * as translation from '../scripts/translation.mjs';
import { KEY, Sluice } from './harness.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = (path) => readFileSync(join(root, path), 'utf8');
const english = text('README.md');
const chinese = text('README.zh-CN.md');

/** Cells of the rows of each table, without the line under its head. */
const tables = (document) =>
  [...document.matchAll(/(?:^\|.*\n)+/gm)].map(([table]) =>
    table.trim().split('\n').filter((line) => !/^[|\s-]+$/.test(line)).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())),
  );
const spans = (words) => [...words.matchAll(/`([^`]+)`/g)].map(([, span]) => span);
const section = (document, title) => document.split(/^## /m).find((part) => part.startsWith(`${title}\n`));
/** A table by the first cell of its head. */
const table = (document, head) => tables(document).find(([row]) => row[0] === head).slice(1);

test('the two READMEs have the same chapters, commands, tables, names and links', () => {
  const outline = (document) => [...document.matchAll(/^(#+) /gm)].map(([, level]) => level);
  assert.deepEqual(outline(chinese), outline(english));
  const commands = (document) => [...document.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block);
  assert.deepEqual(commands(chinese), commands(english));
  const shape = (document) => tables(document).map((rows) => rows.map((cells) => [cells.length, ...spans(cells.join())]));
  assert.deepEqual(shape(chinese), shape(english));
  const names = (document) => [...new Set(spans(document.replace(/^```[^]*?^```/gm, '')))].sort();
  assert.deepEqual(names(chinese), names(english));
  const links = (document) =>
    [...document.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link).filter((link) => !/^README|^#/.test(link)).sort();
  assert.deepEqual(links(chinese), links(english));
  const numbers = (document) => [...section(document, document === english ? 'Limits of the free plan' : '免费套餐的限额').matchAll(/\d[\d,.]*\d/g)].map(([number]) => number.replace(/[.,]$/, ''));
  assert.deepEqual(numbers(chinese).sort(), numbers(english).sort());
});

test('each client of the console is in the table, with settings that the console also shows', () => {
  const rows = table(english, 'client');
  const shown = ({ parts }) =>
    parts({ address: 'URL', key: 'KEY', model: 'm' }).map(({ text: lines = '', rows: fields = [] }) => `${lines}\n${fields.flat().join('\n')}`).join('\n');
  const sdks = CLIENTS.filter(({ id }) => id === 'python' || id === 'node');
  assert.ok(sdks.length > 0);
  for (const [name, settings] of rows) {
    const client = CLIENTS.find((known) => known.name === name);
    assert.ok(client !== undefined || / SDKs$/.test(name), `${name} is not in the console`);
    const places = (client === undefined ? sdks : [client]).map(shown).join('\n');
    for (const span of spans(settings).filter((span) => !/^[~\w./-]*\.(toml|json)$/.test(span))) {
      // Not the end of another name.
      const whole = new RegExp(`(?<![\\w-])${span.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?!\\w)`);
      assert.match(places, whole, `${name}: ${span}`);
    }
  }
  const missing = CLIENTS.filter((client) => !sdks.includes(client) && !rows.some(([name]) => name === client.name));
  assert.deepEqual(missing.map(({ name }) => name), []);
});

/** Files of a folder, at every depth. */
const walk = (folder) =>
  readdirSync(join(root, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    return statSync(join(root, path)).isDirectory() ? walk(path) : [path];
  });

test('every variable that the program reads is in the configuration, and no other', () => {
  const sources = walk('src').filter((path) => path.endsWith('.rs') && !path.startsWith('src/tests'));
  const code = sources.map(text).join('\n').replace(/^\s*\/\/.*$/gm, '');
  const found = (pattern) => [...code.matchAll(pattern)].map(([, name]) => name);
  const listed = (list, pattern) => [...code.match(list)[1].matchAll(pattern)].map(([, name]) => name);
  // The binding with which the tests have it panic is nobody's setting.
  const own = found(/"((?:SLUICE|OTEL)_[A-Z_]+)"/g).filter((name) => name !== 'SLUICE_PANIC');
  const suffixes = [
    ...found(/first\("([A-Z_]+)"\)/g),
    ...found(/number\("([A-Z_]+)"/g),
    ...found(/text\(get, stem, "([A-Z_]+)"\)/g),
    ...listed(/const DETAILS: &\[&str\] = &\[([^\]]*)\]/, /"([A-Z_]+)"/g),
    ...listed(/\[("_CLIENT_ID"[^\]]*)\]/, /"_([A-Z_]+)"/g),
  ].map((suffix) => `X_${suffix}`);
  const amazon = [...found(/text\(get, "AWS", "([A-Z_]+)"\)/g), ...found(/\bread\("([A-Z_]+)"\)/g)].map((name) => `AWS_${name}`);
  const read = new Set([...own, ...suffixes, ...amazon, ...found(/"(AWS_[A-Z_]+)"/g)]);
  const told = table(english, 'name').flatMap(([names]) => spans(names));
  assert.deepEqual([...new Set(told)].sort(), [...read].sort());
  assert.equal(new Set(told).size, told.length);
});

test('every variable of the scripts is in CONTRIBUTING or the README', () => {
  const scripts = [...walk('scripts'), ...walk('runtime')];
  const names = scripts.flatMap((path) => [...text(path).matchAll(/process\.env\.(SLUICE_[A-Z_]+)|\$\{(SLUICE_[A-Z_]+)/g)].map(([, a, b]) => a ?? b));
  assert.ok(names.length > 3);
  for (const name of new Set(names)) assert.ok((english + text('CONTRIBUTING.md')).includes(name), name);
});

test('what is relayed and what is translated is what the golden matrix says', () => {
  const [head, ...rows] = tables(section(english, 'What is translated'))[0];
  const wires = head.slice(1).map((wire) => wire.split(' ')[0].toLowerCase());
  const said = Object.fromEntries(rows.map(([client, ...cells]) => [client.toLowerCase(), Object.fromEntries(cells.map((cell, at) => [wires[at], cell]))]));
  assert.deepEqual(said, translation.summary());
  assert.ok(readFileSync(translation.path, 'utf8') === translation.document(), 'stale: node scripts/translation.mjs writes it anew');
});

test('what a free day takes is what docs/SCALING.md has of the simulation', () => {
  const simulated = table(text('docs/SCALING.md'), 'a day has').map(([, , each, calls]) => [each, calls]);
  const [worker, object, rows, , books] = simulated;
  const said = table(english, 'a day has').map(([, each, calls]) => [each, calls]);
  assert.deepEqual([said[0], said[1], said[3]], [worker, object, books]);
  assert.deepEqual([said[2][0].match(/\d+/)[0], said[2][1]], rows);
});

test('what is asked for at the first deployment is the same everywhere', () => {
  const asked = text('.dev.vars.example').trim().split('\n').map((line) => line.split('=')[0]).sort();
  assert.deepEqual(asked, Object.keys(JSON.parse(text('package.json')).cloudflare.bindings).sort());
  const made = text('scripts/deploy.mjs').match(/const KEYS = \{([^]*?)^\};/m)[1];
  assert.deepEqual(asked, [...made.matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name).sort());
  // A button fills in what stands behind the sign.
  for (const line of text('.dev.vars.example').trim().split('\n')) assert.match(line, /^\w+= #/);
});

test('the first call of the README is answered', async (t) => {
  const sluice = await Sluice.start(t);
  for (const document of [english, chinese]) {
    const command = document.match(/^curl .*$/m)[0];
    const env = { PATH: process.env.PATH, SLUICE_URL: sluice.url, SLUICE_API_KEY: KEY };
    const { stdout } = await promisify(execFile)('bash', ['-c', `${command} --silent --show-error --fail --max-time 20`], { env });
    const said = [...stdout.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data).choices[0]?.delta.content ?? '');
    assert.equal(said.join(''), 'You said: Hello. Grüße, 世界!');
    assert.match(stdout, /^data: \[DONE\]$/m);
  }
});
