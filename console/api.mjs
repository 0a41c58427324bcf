// The admin API as the page sees it: one function, one kind of error, and what is fetched again by itself.

import { useCallback, useEffect, useRef, useState } from './parts/html.mjs';

/** What the API refused, in its own words. */
export class ApiError extends Error {
  constructor(status, { code, message, field } = {}, problems = []) {
    super(message || `HTTP ${status}`);
    Object.assign(this, { status, code, field, problems });
  }

  /** This deployment's version has no such endpoint. */
  get absent() {
    return this.status === 404 && (this.code === undefined || /^no such endpoint|^there is nothing/.test(this.message));
  }
}

const listeners = new Set();

/** Called when the session has ended. */
export const onSignedOut = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export async function api(method, path, body, { signal } = {}) {
  let response;
  try {
    response = await fetch(`/admin/api/${path}`, {
      method,
      signal,
      cache: 'no-store',
      headers: { 'x-sluice-console': '1', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { message: 'offline' });
  }
  const text = await response.text();
  let value;
  try {
    value = text === '' ? undefined : JSON.parse(text);
  } catch {
    if (response.ok) return text;
  }
  if (response.ok) return value;
  const error = new ApiError(response.status, value?.error, value?.problems);
  if (response.status === 401 && path !== 'session') listeners.forEach((listener) => listener());
  throw error;
}

export const get = (path, options) => api('GET', path, undefined, options);

/** `{a: 1, b: undefined}` → `?a=1` */
export function query(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined && value !== '' && value !== null);
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs)}`;
}

const shown = new Set();

/** Something was changed from elsewhere: what is shown is asked for again. */
export const refresh = () => Promise.all([...shown].map((load) => load()));

/** What a GET answers: `{value, error, loading, reload}`, asked again every `every` ms while the page is seen. */
export function useResource(path, { every } = {}) {
  const [state, set] = useState({ loading: true });
  const current = useRef();
  const load = useCallback(async () => {
    current.current?.abort();
    const control = (current.current = new AbortController());
    if (!path) return;
    try {
      const value = await get(path, { signal: control.signal });
      set({ value, loading: false });
    } catch (error) {
      if (error.name !== 'AbortError') set((old) => ({ ...old, error, loading: false }));
    }
  }, [path]);
  useEffect(() => {
    set({ loading: true });
    load();
    shown.add(load);
    return () => {
      shown.delete(load);
      current.current?.abort();
    };
  }, [load]);
  useEffect(() => {
    if (!every) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && load(), every);
    return () => clearInterval(timer);
  }, [load, every]);
  return { ...state, reload: load };
}

/** A list that grows by pages: `{items, next, more, …}`. */
export function useList(path, { every, limit = 50 } = {}) {
  const join = path.includes('?') ? '&' : '?';
  const first = useResource(`${path}${join}limit=${limit}`, { every });
  const [rest, setRest] = useState({ items: [], next: undefined, loading: false });
  useEffect(() => setRest({ items: [], next: undefined, loading: false }), [path]);
  const next = rest.next === undefined ? first.value?.next : rest.next;
  const more = async () => {
    setRest((old) => ({ ...old, loading: true }));
    try {
      const page = await get(`${path}${join}limit=${limit}&after=${encodeURIComponent(next)}`);
      setRest((old) => ({ items: [...old.items, ...page.items], next: page.next ?? null, loading: false }));
    } catch (error) {
      setRest((old) => ({ ...old, loading: false, error }));
    }
  };
  const reload = () => {
    setRest({ items: [], next: undefined, loading: false });
    return first.reload();
  };
  return { ...first, reload, items: first.value ? [...first.value.items, ...rest.items] : [], next, more, growing: rest.loading };
}
