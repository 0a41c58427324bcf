// What the wires have in common.

/** Refuse the request with `message` unless `claim` holds. */
export function demand(claim, message) {
  if (!claim) throw new Error(message);
}

export const sse = (data, event) => `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;

/** Pieces of a text that do not respect words. */
export const pieces = (text) => text.match(/.{1,7}/gsu) ?? [];

export const bearer = (headers) => headers.authorization?.replace(/^Bearer /, '');

export const USAGE = { input: 11, cached: 3, output: 7 };
