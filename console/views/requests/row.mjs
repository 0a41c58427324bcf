// What a row of the usage log says.

/** The disjoint buckets that a call's tokens fall into. */
const BUCKETS = ['input', 'cache_read', 'cache_write', 'cache_write_long', 'output', 'reasoning'];

export const buckets = (row) => BUCKETS.map((name) => [name, row[name]]).filter(([, value]) => value > 0);
export const tokensOf = (row) => buckets(row).reduce((sum, [, value]) => sum + value, 0);
export const failed = (row) => row.status >= 400;

/** The database keeps lists as text. */
export const listOf = (value) => {
  if (Array.isArray(value)) return value;
  try {
    return JSON.parse(value ?? '[]');
  } catch {
    return [];
  }
};

/** The log's words for how a call ended. */
export const ENDS = { answered: 'answered', left: 'the client left', lapsed: 'never told', unasked: 'nobody was asked' };
