// Reading YAML, with a library that is loaded when the first such file comes.

// The page has its copy beside it (scripts/vendor.mjs puts it there); a bare name means nothing to a browser.
const where = typeof process === 'object' && process.versions?.node ? 'js-yaml' : '../vendor/yaml.mjs';
/** Values in a document, those counted again that an alias repeats: ten thousand accounts have fewer. */
const LARGEST = 1_000_000;

let library;

/** The document that `source` is. Of two members of one name the last holds, as in JSON. */
export async function parse(source) {
  library ??= import(where);
  const { load } = await library;
  const document = load(source, { json: true, maxAliases: 100 });
  measure(document, { left: LARGEST });
  return document;
}

/** Aliases of aliases grow without end, and one may hold itself. */
function measure(value, room) {
  room.left -= 1;
  if (room.left < 0) throw new Error('too large');
  if (typeof value === 'object' && value !== null) Object.values(value).forEach((one) => measure(one, room));
}
