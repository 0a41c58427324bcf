// What a value out of somebody's file is, if it is that: `undefined`, an empty list or an empty object if it is not.

export const text = (value) => {
  const trimmed = typeof value === 'number' ? String(value) : typeof value === 'string' ? value.trim() : '';
  return trimmed === '' ? undefined : trimmed;
};

export const object = (value) => (isObject(value) ? value : {});

export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

export const list = (value) => (Array.isArray(value) ? value : []);

/** A list, or text with commas or line breaks. */
export const names = (value) => {
  const items = Array.isArray(value) ? value : (text(value) ?? '').split(/[,\n]/);
  return [...new Set(items.map(text).filter((item) => item !== undefined))];
};

/** An object, or one written as text. */
export const parsed = (value) => {
  if (isObject(value)) return value;
  try {
    return object(JSON.parse(text(value) ?? ''));
  } catch {
    return {};
  }
};

/** A whole number from 0 up. */
export const count = (value) => {
  const number = Number(text(value) ?? Number.NaN);
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
};

/** A time in milliseconds, from seconds, milliseconds or a date. */
export const millis = (value) => {
  const number = Number(text(value) ?? Number.NaN);
  if (Number.isFinite(number)) return number <= 0 ? undefined : Math.round(number < 1e11 ? number * 1000 : number);
  const date = Date.parse(text(value) ?? '');
  return Number.isNaN(date) || date <= 0 ? undefined : date;
};

/** The claims of a JSON web token. Nobody checks its signature: only its owner is asked to believe it. */
export const claims = (token) => {
  const payload = (text(token) ?? '').split('.')[1];
  if (payload === undefined) return {};
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    return object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
};

/** A name in the form that providers, groups and aliases have. */
export const slug = (value) =>
  (text(value) ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40);

/** `value` without what is not there. */
export const present = (value) =>
  Object.fromEntries(
    Object.entries(value).filter(([, item]) => {
      if (item === undefined || item === null || item === '') return false;
      return Array.isArray(item) ? item.length > 0 : !isObject(item) || Object.keys(item).length > 0;
    }),
  );
