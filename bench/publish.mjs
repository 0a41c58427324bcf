// Puts what was measured where the document shows it.

import { readFileSync, writeFileSync } from 'node:fs';
import { root } from './subjects.mjs';

/** Replace what stands between the two marks of this name. */
export function publish(name, lines) {
  const file = `${root}docs/PERFORMANCE.md`;
  const text = readFileSync(file, 'utf8');
  const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [begin, end] = [text.indexOf(from), text.indexOf(to)];
  if (begin < 0 || end < begin) throw new Error(`${file} has no ${from}`);
  writeFileSync(file, `${text.slice(0, begin + from.length)}\n\n${lines.join('\n')}\n\n${text.slice(end)}`);
}
