// The admin API as the page sees it: one function, one kind of error, and what is fetched again by itself.

import { useCallback, useEffect, useRef, useState } from './parts/html.mjs';

/** What the API refused, in its own words. */
export class ApiError extends Error {
  constructor(status, { code, message, field } = {}, problems = []) {
    super(message || `HTTP ${status}`);
    Object.assign(this, { status, code, field, problems });
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

/** Items of a list that are held: more are a page of their own, so that a page of the browser stays one. */
const PAGE = 200;

/** `count` items behind the one that `start` names, or from the first. */
async function gather(path, count, signal, start) {
  const join = path.includes('?') ? '&' : '?';
  const items = [];
  for (let after = start; ; ) {
    const limit = Math.min(count - items.length, PAGE);
    const page = await get(`${path}${join}limit=${limit}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`, { signal });
    items.push(...page.items);
    after = page.next ?? undefined;
    // A short page with a next one: as far as one look goes.
    if (after === undefined || page.items.length < limit || items.length >= count) return { ...page, items, next: after };
  }
}

/**
 * A list that grows up to [`PAGE`] items, and goes on with the next ones instead of them: `{items, value, next, more,
 * first, reload, …}`. What is shown stays while it is asked for again.
 */
export function useList(path, { every, limit = 50 } = {}) {
  const [state, set] = useState({ loading: true });
  const held = useRef();
  held.current = state.value;
  const current = useRef();
  const start = useRef();
  const load = useCallback(
    async (count) => {
      current.current?.abort();
      const control = (current.current = new AbortController());
      try {
        const value = await gather(path, count, control.signal, start.current);
        set({ value, loading: false });
      } catch (error) {
        if (error.name !== 'AbortError') set((old) => ({ ...old, error, loading: false }));
      }
    },
    [path],
  );
  const reload = useCallback(() => load(Math.max(limit, held.current?.items.length ?? 0)), [load, limit]);
  useEffect(() => {
    set((old) => ({ ...old, loading: true }));
    start.current = undefined;
    load(limit);
    shown.add(reload);
    return () => {
      shown.delete(reload);
      current.current?.abort();
    };
  }, [load, limit, reload]);
  useEffect(() => {
    if (!every) return undefined;
    // A list that has grown long is asked for again only when its reader says so.
    const due = () => document.visibilityState === 'visible' && (held.current?.items.length ?? 0) <= PAGE;
    const timer = setInterval(() => due() && reload(), every);
    return () => clearInterval(timer);
  }, [reload, every]);
  const from = async (place) => {
    start.current = place;
    await load(limit);
    scrollTo(0, 0);
  };
  const more = async () => {
    const { items, next } = state.value;
    if (items.length + limit > PAGE) return from(next);
    try {
      const page = await gather(path, limit, undefined, next);
      set((old) => ({ ...old, value: { ...page, items: [...old.value.items, ...page.items] } }));
    } catch (error) {
      set((old) => ({ ...old, error }));
    }
  };
  const first = start.current === undefined ? undefined : () => from(undefined);
  return { ...state, items: state.value?.items ?? [], next: state.value?.next, reload, more, first };
}
