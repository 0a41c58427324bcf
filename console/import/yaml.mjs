// Reading YAML, with a library that is loaded when the first such file comes.

// The page has its copy beside it (scripts/vendor.mjs puts it there); a bare name means nothing to a browser.
const where = typeof process === 'object' && process.versions?.node ? 'yaml' : '../vendor/yaml/index.js';

let library;

/** The first document of `source`. */
export async function parse(source) {
  library ??= import(where);
  const { parseDocument } = await library;
  const document = parseDocument(source, { logLevel: 'error', uniqueKeys: false });
  if (document.errors.length > 0) throw new Error('not YAML');
  return document.toJS({ maxAliasCount: 100 });
}
