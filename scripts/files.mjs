// Makes a folder hold exactly some files, and touches only what differs: tests that run beside each other may read it.

import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Every file under `folder`, by its path in it. */
export function listed(folder) {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
}

/** `files` is a map of paths to what is in them. */
export function fill(folder, files) {
  for (const [path, text] of files) {
    const target = join(folder, path);
    if (existsSync(target) && readFileSync(target).equals(Buffer.from(text))) continue;
    mkdirSync(dirname(target), { recursive: true });
    const part = `${target}.${process.pid}`;
    writeFileSync(part, text);
    renameSync(part, target);
  }
  // What another process is about to put in place ends in its number.
  const strays = listed(folder).filter((path) => !files.has(path) && !/\.\d+$/.test(path));
  for (const path of strays) rmSync(join(folder, path), { force: true });
}
