// The sums of the overview: from the API's own, or from the days' sums where it has none.

import { get, useResource } from '../api.mjs';
import { useEffect, useState } from './html.mjs';

const DAY = 86_400_000;
const SUMS = ['requests', 'errors', 'input', 'cache_read', 'cache_write', 'output', 'reasoning', 'cost', 'saved', 'first_ms', 'firsts'];

/** What one of `1`, `7` and `30` days brought, today among them. */
export function useOverview(days) {
  const own = useResource(`overview?days=${days}`, { every: 60_000 });
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
  const from = (today - Number(days) + 1) * DAY;
  const ask = (by) => get(`usage/daily?from=${from}&to=${now}&by=${by}`, { signal }).then(({ items }) => items);
  const [byDay, byModel, byToken, byAccount] = await Promise.all(['day', 'model', 'token', 'account'].map(ask));
  const totals = Object.fromEntries(SUMS.map((name) => [name, byDay.reduce((all, row) => all + (row[name] ?? 0), 0)]));
  const prompt = totals.input + totals.cache_read + totals.cache_write;
  const known = new Map(byDay.map((row) => [row.day, row]));
  return {
    totals: { ...totals, cache_hit: prompt > 0 ? totals.cache_read / prompt : undefined },
    ttft: { mean: totals.firsts > 0 ? totals.first_ms / totals.firsts : undefined },
    by_day: totals.requests > 0 ? Array.from({ length: Number(days) }, (_, at) => known.get(today - Number(days) + 1 + at) ?? { day: today - Number(days) + 1 + at }) : [],
    by_model: byModel,
    by_token: byToken,
    by_account: byAccount,
    quotas: [],
  };
}
