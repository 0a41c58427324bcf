// Whether every crate that is built in comes from crates.io and may be: reads `cargo metadata` on standard input.

const ALLOWED = new Set(['0BSD', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'Unicode-3.0', 'Unlicense', 'Zlib', 'CC0-1.0']);

let text = '';
for await (const chunk of process.stdin) text += chunk;
const { packages, resolve, workspace_members: own } = JSON.parse(text);

/** Whether one of the alternatives is allowed as a whole. `A/B` is how older crates write `A OR B`. */
const allowed = (license) =>
  license
    .replaceAll(/[()]/g, '')
    .split(/ OR |\//)
    .some((one) => one.split(' AND ').every((part) => ALLOWED.has(part.trim())));

const used = new Set(resolve.nodes.map(({ id }) => id));
const problems = packages.flatMap(({ id, name, version, license, source }) => {
  if (!used.has(id) || own.includes(id)) return [];
  if (!source?.startsWith('registry+')) return [`${name} ${version} comes from ${source ?? 'this disk'}`];
  return allowed(license ?? '') ? [] : [`${name} ${version} is under ${license ?? 'no license that it names'}`];
});
for (const problem of problems) console.error(`audit: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`audit: ${used.size - own.length} crates from the registry, all under a license of the list`);
