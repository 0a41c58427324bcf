// The sums of the overview: from the API's own, or from the days' sums where it has none.

import { get, useResource } from '../api.mjs';
import { useEffect, useState } from './html.mjs';

const DAY = 86_400_000;
const SUMS = ['requests', 'errors', 'input', 'cache_read', 'cache_write', 'output', 'reasoning', 'cost', 'saved', 'first_ms', 'firsts'];

/** What one of `1`, `7` and `30` days brought, today among them. */
export function useOverview(days) {
  const own = useResource(`overview?days=${days}`, { every: 30_000 });
  const [summed, set] = useState({});
  const absent = own.error?.absent === true;
  useEffect(() => {
    if (!absent) return undefined;
    const control = new AbortController();
    const load = () =>
      sum(days, control.signal).then(
        (value) => set({ days, value }),
        (error) => error.name !== 'AbortError' && set({ days, error }),
      );
    load();
    const timer = setInterval(() => document.visibilityState === 'visible' && load(), 60_000);
    return () => {
      control.abort();
      clearInterval(timer);
    };
  }, [absent, days]);
  if (!absent) return own;
  return summed.days === days ? { ...summed, reload: own.reload } : { loading: true };
}

async function sum(days, signal) {
  const now = Date.now();
  const today = Math.floor(now / DAY);
  const first = today - Number(days) + 1;
  const ask = (by) => get(`usage/daily?from=${first * DAY}&to=${now}&by=${by}`, { signal }).then(({ items }) => items.map((row) => ({ ...row, id: row[by] })));
  const [byDay, byModel, byToken, byAccount] = await Promise.all(['day', 'model', 'token', 'account'].map(ask));
  const none = Object.fromEntries(SUMS.map((name) => [name, 0]));
  const totals = byDay.reduce((all, row) => Object.fromEntries(SUMS.map((name) => [name, all[name] + row[name]])), none);
  const prompt = totals.input + totals.cache_read + totals.cache_write;
  const share = (part, all) => (all > 0 ? part / all : null);
  const known = new Map(byDay.map((row) => [row.day, row]));
  const dear = (rows) => rows.sort((one, other) => other.cost - one.cost || other.requests - one.requests);
  return {
    totals: { ...totals, cache_hit: share(totals.cache_read, prompt), error_share: share(totals.errors, totals.requests) },
    ttft: { count: 0, p50: share(totals.first_ms, totals.firsts) },
    step: 'day',
    series: Array.from({ length: Number(days) }, (_, at) => ({ ...none, ...known.get(first + at), at: (first + at) * DAY })),
    by_model: dear(byModel),
    by_token: dear(byToken),
    by_account: dear(byAccount),
    denied: { total: 0, by_reason: {} },
    quotas: [],
    lost: 0,
  };
}
