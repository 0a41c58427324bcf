// Applies migrations/*.sql to a local database and remembers them where `wrangler d1 migrations` does.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../migrations', import.meta.url));

/** Resolves to the names of those that were not applied before. */
export async function migrate(database) {
  if (!existsSync(folder)) return [];
  await database
    .prepare(
      'CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, ' +
        'applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
    )
    .run();
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all();
  const known = new Set(results.map((row) => row.name));
  const fresh = readdirSync(folder).filter((name) => name.endsWith('.sql') && !known.has(name)).sort();
  for (const name of fresh) {
    const steps = statements(readFileSync(`${folder}/${name}`, 'utf8')).map((sql) => database.prepare(sql));
    const done = database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name);
    await database.batch([...steps, done]);
  }
  return fresh;
}

/** Statements end with a semicolon at the end of a line; those of a trigger with its END. */
export function statements(sql) {
  const found = [];
  let current = '';
  for (const line of sql.replace(/--.*$/gm, '').split('\n')) {
    current += `${line}\n`;
    const inTrigger = /^\s*CREATE\s+(TEMP\s+)?TRIGGER/i.test(current) && !/\bEND\s*;\s*$/i.test(current);
    if (/;\s*$/.test(line) && !inTrigger) {
      found.push(current.trim());
      current = '';
    }
  }
  if (current.trim() !== '') found.push(current.trim());
  return found;
}
