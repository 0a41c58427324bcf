// Whether what the documents say is there: files, headings, commands.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const text = (path) => readFileSync(join(root, path), 'utf8');
const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

const FIRST_CALL = text('README.md').match(/^curl .*$/m)[0];

/**
 * What stands in a block of commands, and the test that runs it: a file and what in it does so. A command that no test
 * can run says why.
 */
const COMMANDS = {
  'scripts/dev': ['runtime/clone.test.mjs', /scripts\/dev/],
  'scripts/deploy': ['runtime/deploy.test.mjs', /the life of a deployment/],
  'npx wrangler secret put ANTHROPIC_API_KEY': ['runtime/deploy.test.mjs', /'put', 'ANTHROPIC_API_KEY'/],
  'scripts/import': ['runtime/moving.test.mjs', /'scripts\/import'/],
  [FIRST_CALL]: ['runtime/readme.test.mjs', /the first call of the README is answered/],
  'curl -X POST "$SLUICE_URL/admin/api/selftest" -H "authorization: Bearer $SLUICE_ADMIN_KEY"': ['runtime/selftest.test.mjs', /POST selftest/],
  'curl "$SLUICE_URL/admin/api/overview?days=1" -H "authorization: Bearer $SLUICE_ADMIN_KEY"': ['runtime/guard.test.mjs', /GET overview/],
  'scripts/import --dry-run': ['runtime/import.test.mjs', /'--dry-run'/],
  'npx wrangler secret put SLUICE_API_KEY': 'the same with another name',
  'git pull && scripts/deploy':
    'the second deployment of runtime/deploy.test.mjs, behind a repository that there is not',
  'scripts/test': 'it runs this',
  'npx wrangler d1 export sluice --remote --output sluice.sql': 'it needs a database at Cloudflare',
  'npx wrangler rollback': 'it needs two versions at Cloudflare',
  'npx wrangler tail': 'it needs a Worker at Cloudflare',
};

/** Everything but blocks and spans of code. */
const prose = (path) =>
  text(path)
    .replace(/^(```|~~~)[^]*?^\1/gm, '')
    .replace(/`[^`\n]*`/g, '');

/** As GitHub makes anchors: lower case, dashes for spaces, nothing else but letters and digits. */
function anchors(path) {
  const seen = new Map();
  return text(path)
    .replace(/^(```|~~~)[^]*?^\1/gm, '')
    .split('\n')
    .filter((line) => /^#{1,6} /.test(line))
    .map((line) => {
      const words = line
        .replace(/^#+ /, '')
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .trim()
        .toLowerCase();
      const slug = words.replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times === 0 ? slug : `${slug}-${times}`;
    });
}

for (const path of documents) {
  test(`${path}: every link leads somewhere`, () => {
    const links = [
      ...prose(path).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]: (\S+)|(?:src|href)="([^"]+)"/gm),
    ];
    for (const [, inline, reference, attribute] of links) {
      const link = inline ?? reference ?? attribute;
      if (/^[a-z]+:/.test(link)) {
        assert.ok(URL.canParse(link), link);
        continue;
      }
      const [file, anchor] = link.split('#');
      const target = file === '' ? path : normalize(join(dirname(path), decodeURIComponent(file)));
      assert.ok(!target.startsWith('..') && existsSync(join(root, target)), `${link}: there is no ${target}`);
      if (anchor !== undefined && target.endsWith('.md')) {
        assert.ok(anchors(target).includes(anchor), `${link}: ${target} has no heading #${anchor}`);
      }
    }
  });

  test(`${path}: files that it names exist`, () => {
    const spans = [
      ...text(path).matchAll(/`((?:src|scripts|runtime|docs|tests|bench|benches|console|migrations)\/[^`\s]*)`/g),
    ];
    for (const [, name] of spans.filter(([, name]) => !/[<…$]/.test(name))) {
      assert.ok(matching(name), `${name} is not there`);
    }
  });
}

/** Whether a path, maybe with a `*` in its last part, is there. */
function matching(name) {
  const [folder, last] = [dirname(name), name.split('/').at(-1)];
  if (!last.includes('*')) return existsSync(join(root, name));
  const pattern = new RegExp(`^${last.replace(/[.+]/g, '\\$&').replaceAll('*', '.*')}$`);
  return existsSync(join(root, folder)) && readdirSync(join(root, folder)).some((entry) => pattern.test(entry));
}

test('every command in a block is run by a test, or says why not', () => {
  const missing = documents.flatMap((path) => commands(path).filter((command) => COMMANDS[command] === undefined));
  assert.deepEqual([...new Set(missing)], []);
});

test('the tests that are said to run a command do', () => {
  for (const [command, how] of Object.entries(COMMANDS)) {
    if (typeof how !== 'string') assert.match(text(how[0]), how[1], command);
  }
});

test('commands of wrangler that no test can run are at least commands of wrangler', () => {
  for (const [command, how] of Object.entries(COMMANDS)) {
    const [program, ...words] = command.split(' ');
    if (typeof how !== 'string' || program !== 'npx') continue;
    const names = words.slice(1).filter((word) => /^[a-z\d]+$/.test(word));
    const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
    const help = execFileSync(process.execPath, [wrangler, ...names.slice(0, 2), '--help'], { encoding: 'utf8' });
    assert.match(help, new RegExp(`^wrangler ${names[0]}`, 'm'), command);
    for (const flag of words.filter((word) => word.startsWith('--')))
      assert.ok(help.includes(flag), `${command}: ${flag}`);
  }
});

test('no command is listed that no document has', () => {
  const said = new Set(documents.flatMap(commands));
  assert.deepEqual(
    Object.keys(COMMANDS).filter((command) => !said.has(command)),
    [],
  );
});

/** The lines of the blocks that are marked as a shell's, without remarks. */
function commands(path) {
  const blocks = [...text(path).matchAll(/^```(?:sh|bash|shell|console)\n([^]*?)^```/gm)];
  return blocks.flatMap(([, block]) => {
    const lines = block.replace(/\\\n\s*/g, '').split('\n');
    return lines.map((line) => line.replace(/(^|\s)#.*$/, '').trim()).filter((line) => line !== '');
  });
}
