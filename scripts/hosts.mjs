// console/import/hosts.mjs, made of the table of compatible providers: at which host and paths each is known.
// `node scripts/hosts.mjs` writes it; runtime/import.test.mjs fails when it is stale.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Host, name, and the paths below which the row knows its way, each also as a client writes it that adds `/v1`. */
export function rows() {
  const table = readFileSync(`${root}src/upstream/openai/table.rs`, 'utf8');
  const found = [...table.matchAll(/(#\[cfg\(test\)\]\s*)?Compatible \{([^]*?)\.\.ROW/g)];
  const said = (row, member) => row.match(new RegExp(`\\b${member}: (?:Some\\()?"([^"]*)"`))?.[1];
  const listed = found.filter(([, test, row]) => test === undefined && said(row, 'root')).map(([, , row]) => {
    const ways = [said(row, 'chat') ?? '/v1', said(row, 'responses'), said(row, 'messages')].filter(Boolean);
    const paths = ways.flatMap((path) => [path.replace(/\/v1$/, ''), path]).filter(Boolean);
    return [new URL(said(row, 'root')).host, said(row, 'name'), [...new Set(paths)]];
  });
  // Its address has the account's id in it.
  return listed.filter(([, name]) => name !== 'workers-ai');
}

export const path = `${root}console/import/hosts.mjs`;

export function document() {
  const quoted = (text) => `'${text}'`;
  const lines = rows().map(([host, name, paths]) => `  [${quoted(host)}, ${quoted(name)}, [${paths.map(quoted).join(', ')}]],\n`);
  return `// Compatible providers by their host, with the paths that each knows. scripts/hosts.mjs makes this of their table.\n\nexport const ROWS = [\n${lines.join('')}];\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(path, document());
