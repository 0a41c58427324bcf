// What a row of the usage log says, whichever version wrote it.

const BUCKETS = ['input_tokens', 'cache_read_tokens', 'cache_write_tokens', 'cache_write_long_tokens', 'output_tokens', 'input', 'cache_read', 'cache_write', 'cache_write_long', 'output'];

export const buckets = (row) => BUCKETS.map((name) => [name, row[name] ?? row.usage?.[name]]).filter(([, value]) => typeof value === 'number');
export const tokensOf = (row) => row.tokens ?? buckets(row).reduce((sum, [, value]) => sum + value, 0);
export const costOf = (row) => row.cost ?? row.cost_micro ?? row.micro ?? 0;
export const failed = (row) => (typeof row.status === 'number' ? row.status >= 400 : row.error !== undefined && row.error !== null) || ['cut', 'error', 'failed'].includes(row.end ?? row.end_reason);
