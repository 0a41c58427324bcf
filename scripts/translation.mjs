// docs/TRANSLATION.md, made of the golden matrix: what each recorded request and each provider's answer becomes for
// everybody else. `node scripts/translation.mjs` writes it; runtime/docs.test.mjs fails when it is stale.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}tests/snapshots/`;

const HEAD = `# What is translated, and what is not

This is made of the golden matrix (\`tests/snapshots\`, which \`cargo test matrix\` checks against the code) by
\`scripts/translation.mjs\`.

- **=** the same wire on both sides: the client's bytes go on, with a few members spliced, and the answer's come back.
- **→** another wire: the request is composed anew from what it means, and the answer is translated event by event.
- **✗** refused with status 400 before any provider is asked, because a part of its meaning cannot be said on that wire.
  The number is that of the sentence below. Another account, whose wire can say it, is asked where there is one.

What is refused is always meaning. Hints that only tune an answer are left out where a wire has no word for them.
`;

/** The parts of a snapshot behind its \`=== \` lines, and what stands before the first. */
function parts(name) {
  const text = readFileSync(folder + name, 'utf8').replace(/^---\n[^]*?\n---\n/, '');
  const [before, ...rest] = text.split(/^=== /m);
  const sections = rest.map((part) => {
    const [title, ...lines] = part.split('\n');
    return { title, lines: lines.filter((line) => line !== '') };
  });
  return { before: before.trim(), sections };
}

const names = (prefix) => readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith('.snap')).sort();
const bare = (name, prefix) => name.slice(prefix.length, -'.snap'.length);
const title = (wire) => wire[0].toUpperCase() + wire.slice(1);
const row = (cells) => `| ${cells.join(' | ')} |\n`;
const heading = (cells) => row(cells) + `|${cells.map(() => '---|').join('')}\n`;

function requests() {
  const sentences = [];
  const number = (sentence) => {
    if (!sentences.includes(sentence)) sentences.push(sentence);
    return sentences.indexOf(sentence) + 1;
  };
  let table = '';
  const whole = [];
  for (const name of names('request-')) {
    const { before, sections } = parts(name);
    if (sections.length === 0) {
      whole.push([bare(name, 'request-'), before.split('\n').at(-1)]);
      continue;
    }
    if (table === '') {
      table = heading(['recorded request', 'asks', ...sections.map(({ title: to }) => title(to.replace(/^to /, '')))]);
    }
    const cells = sections.map(({ lines }) => {
      const refused = lines[0].match(/^refused, \d+: (.*)$/);
      if (refused) return `✗ ${number(refused[1])}`;
      return lines[0] === 'relayed as it came' ? '=' : '→';
    });
    table += row([bare(name, 'request-'), `\`${before.split(' ')[1].split('?')[0]}\``, ...cells]);
  }
  const list = sentences.map((sentence, at) => `${at + 1}. \`${sentence.replaceAll('`', "'")}\`\n`).join('');
  const always = whole.map(([name, said]) => `- ${name}: \`${said.replaceAll('`', "'")}\`\n`).join('');
  return `## Requests

Rows are requests as real clients sent them; columns are the wires of providers.

${table}
${always && `Refused on every wire, before one is chosen:\n\n${always}\n`}### The sentences

${list}`;
}

/** What a client of each protocol gets of an answer: relayed, translated, or an error. */
function answers(prefix) {
  const rows = new Map();
  let clients;
  for (const name of names(prefix)) {
    const { sections } = parts(name);
    clients = [...new Set(sections.map(({ title: to }) => to.split(', ')[0]))];
    const cells = clients.map((client) => {
      const got = sections.filter(({ title: to }) => to.startsWith(`${client}, `));
      const error = got.map(({ lines }) => lines.find((line) => /^--- \d/.test(line))?.match(/^--- (\d+)/)[1]);
      if (error.some(Boolean)) return [...new Set(error.filter(Boolean))].join(', ');
      return got.some(({ lines }) => lines[0] === 'relayed as it came') ? '=' : '→';
    });
    rows.set(bare(name, prefix), cells);
  }
  return heading(['answer', ...clients.map(title)]) + [...rows].map(([name, cells]) => row([name, ...cells])).join('');
}

/** `=` or `→`, by the protocol of clients and the wire of providers. */
export function summary() {
  const table = {};
  const client = (path) =>
    ['chat/completions', 'responses', 'messages', 'models/', 'api/chat'].findIndex((part) => path.includes(part));
  for (const name of names('request-')) {
    const { before, sections } = parts(name);
    const protocol = ['chat', 'responses', 'messages', 'gemini', 'ollama'][client(before.split(' ')[1])];
    for (const { title: to, lines } of sections) {
      const relayed = lines[0] === 'relayed as it came';
      (table[protocol] ??= {})[to.replace(/^to /, '')] ??= relayed ? '=' : '→';
    }
  }
  return table;
}

export function document() {
  return `${HEAD}
${requests()}
## Answers

Rows are answers of providers, named by their wire; columns are the clients'. A number is the status of the error that
the client is told, in its own protocol, in place of an answer or behind what was sent of it: such an answer never ends
as if it were whole.

### Streams

${answers('stream-')}
### Whole answers

${answers('whole-')}`;
}

export const path = `${root}docs/TRANSLATION.md`;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(path, document());
