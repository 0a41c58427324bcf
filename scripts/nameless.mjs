// Takes the names of functions out of a WebAssembly module: a tenth of what is uploaded, and read by nobody but us.
//
//   node scripts/nameless.mjs FILE

import { readFileSync, writeFileSync } from 'node:fs';

const [file] = process.argv.slice(2);
const bytes = readFileSync(file);

/** An unsigned LEB128 number and where it ends. */
function number(at) {
  let value = 0;
  for (let shift = 0; ; shift += 7, at += 1) {
    value += (bytes[at] & 127) * 2 ** shift;
    if (bytes[at] < 128) return [value, at + 1];
  }
}

// Behind magic and version a module is sections: id, size, content. Id 0 is a custom one, which begins with its name.
const kept = [bytes.subarray(0, 8)];
for (let at = 8; at < bytes.length; ) {
  const [size, content] = number(at + 1);
  const end = content + size;
  const [length, word] = number(content);
  if (bytes[at] !== 0 || bytes.toString('utf8', word, word + length) !== 'name') kept.push(bytes.subarray(at, end));
  at = end;
}
writeFileSync(file, Buffer.concat(kept));
