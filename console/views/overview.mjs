// Is it working, what was used, what did it cost, and how much of the free plan is left.

import { useResource } from '../api.mjs';
import { html, useMemo, useState } from '../parts/html.mjs';
import { Badge, Gates } from '../parts/account_state.mjs';
import { Chart } from '../parts/chart.mjs';
import { useOverview } from '../parts/overview.mjs';
import { link } from '../parts/router.mjs';
import { Card, Empty, Loaded, Meter, Notice, Page, Segments } from '../parts/ui.mjs';
import { compact, money, ms, number, percent } from '../parts/format.mjs';
import { t } from '../strings.mjs';

const DAYS = [['1', 'Today'], ['7', '7 days'], ['30', '30 days']];

export default function Overview({ session }) {
  const [days, setDays] = useState('7');
  const overview = useOverview(days);
  return html`<${Page}
    title=${t('Overview')}
    actions=${html`<${Segments} label=${t('Span')} value=${days} onInput=${setDays} options=${DAYS.map(([name, title]) => [name, t(title)])} />`}
  >
    <${Health} counts=${overview.value?.accounts} session=${session} />
    <${Loaded} resource=${overview} rows=${8}>${(value) => html`<${Figures} value=${value} days=${days} />`}<//>
  <//>`;
}

function Health({ counts, session }) {
  const accounts = useResource('accounts?limit=120', { every: 15_000 });
  return html`<${Card} title=${t('Accounts')} actions=${html`<a href="#/accounts">${t('All accounts')}</a>`}>
    <${Loaded} resource=${accounts} rows=${2}>
      ${({ items, next, total }) => {
        if (items.length === 0) {
          return html`<${Empty} title=${t('No accounts yet')} action=${html`<a class="button primary" href="#/accounts/add">${t('Add accounts')}</a>`}>
            ${t('Paste API keys, sign in at a provider, or drop the files of another gateway here.')}
          <//>`;
        }
        const states = counts ?? tally(items);
        return html`<${Gates} accounts=${items} />
          ${next && html`<p class="soft spaced">${t('The first {shown} of {total}.', { shown: items.length, total: number(total) })}</p>`}
          <div class="legend">
            <${Badge} tone="good">${t('{n} ready', { n: number(states.ready ?? 0) })}<//>
            ${states.cooling > 0 && html`<${Badge} tone="warn">${t('{n} cooling', { n: number(states.cooling) })}<//>`}
            ${states.off > 0 && html`<${Badge} tone="off">${t('{n} paused', { n: number(states.off) })}<//>`}
            ${states.sign_in > 0 && html`<${Badge} tone="bad">${t('{n} to sign in again', { n: number(states.sign_in) })}<//>`}
          </div>
          ${session.configured?.api_key === false && html`<div class="spaced"><${Notice} tone="warn">${t('Clients need a key: create a token, or set SLUICE_API_KEY.')} <a href="#/tokens">${t('Create a token')}</a><//></div>`}`;
      }}
    <//>
  <//>`;
}

const tally = (items) =>
  items.reduce((counts, { state }) => {
    const name = state.name === 'probing' ? 'cooling' : state.name === 'locked' ? 'sign_in' : state.name;
    return { ...counts, [name]: (counts[name] ?? 0) + 1 };
  }, {});

/** All tokens of a row, whichever buckets it tells. */
const tokensOf = (row) => row.tokens ?? ['input', 'cache_read', 'cache_write', 'output', 'reasoning'].reduce((sum, name) => sum + (row[name] ?? 0), 0);
const costOf = (row) => row.cost ?? 0;

/** Days are counted from 1970, or written as dates. */
const dayOf = (day) => (typeof day === 'string' ? Date.parse(`${day}T00:00:00Z`) : day < 1e6 ? day * 86_400_000 : day);

const METRICS = [
  ['requests', 'Requests', (row) => row.requests ?? 0, compact],
  ['tokens', 'Tokens used', tokensOf, compact],
  ['cost', 'Spend', costOf, money],
];

function Figures({ value, days }) {
  const { totals = {}, ttft = {}, by_day: byDay = [], by_model: byModel = [], by_token: byToken = [], by_account: byAccount = [], quotas = [] } = value;
  const [metric, setMetric] = useState('requests');
  const [, title, measure, format] = METRICS.find(([name]) => name === metric);
  const chart = useMemo(
    () => ({ days: byDay.map(({ day }) => dayOf(day)), series: [{ label: t(title), values: byDay.map(measure), tone: 'accent' }] }),
    [byDay, metric],
  );
  const requests = totals.requests ?? 0;
  const hit = totals.cache_hit;
  const saved = totals.saved ?? 0;
  return html`<dl class="figures">
      <div><dt>${t('Requests')}</dt><dd>${compact(requests)}<small>${t('{share} errors', { share: percent(requests > 0 ? (totals.errors ?? 0) / requests : 0) })}</small></dd></div>
      <div><dt>${t('Tokens used')}</dt><dd>${compact(tokensOf(totals))}<small>${t('{share} from caches', { share: percent(hit) })}</small></dd></div>
      <div><dt>${t('Spend')}</dt><dd>${money(costOf(totals))}<small>${t('{sum} saved', { sum: money(saved) })}</small></dd></div>
      <div><dt>${t('First words')}</dt><dd>${ms(ttft.p50 ?? ttft.mean)}<small>${ttft.p95 === undefined ? t('on average') : t('{time} for the slowest 5%', { time: ms(ttft.p95) })}</small></dd></div>
    </dl>
    ${requests === 0 && byDay.length === 0
      ? html`<${Card}><${Empty} title=${t('Nothing was asked in this time')} action=${html`<a class="button primary" href="#/connect">${t('Connect a client')}</a>`}>${t('Point a client at Sluice, or try a prompt in the playground.')}<//><//>`
      : html`${days !== '1' && html`<${Card} title=${t('By day')} actions=${html`<${Segments} label=${t('Measure')} value=${metric} onInput=${setMetric} options=${METRICS.map(([name, words]) => [name, t(words)])} />`}>
            <${Chart} title=${`${t(title)}, ${t('By day')}`} ...${chart} format=${format} />
          <//>`}
          <div class="columns">
            <${Ranks} title=${t('Models')} rows=${byModel} of=${['model', 'name']} page="requests" filter="model" />
            <${Ranks} title=${t('Tokens of clients')} rows=${byToken} of=${['name', 'token']} id=${['token', 'id']} page="requests" filter="token" />
            <${Ranks} title=${t('Accounts')} rows=${byAccount} of=${['label', 'account', 'name']} id=${['account', 'id']} page="requests" filter="account" />
          </div>`}
    ${quotas.length > 0 && html`<${Quotas} quotas=${quotas} />`}`;
}

const pick = (row, names) => names.map((name) => row[name]).find((value) => value !== undefined && value !== null && value !== '');

function Ranks({ title, rows, of, id = of, page, filter }) {
  const by = rows.some((row) => costOf(row) > 0) ? costOf : (row) => row.requests ?? 0;
  const sorted = [...rows].sort((one, other) => by(other) - by(one)).slice(0, 8);
  const top = by(sorted[0] ?? {}) || 1;
  return html`<${Card} title=${title}>
    ${sorted.length === 0
      ? html`<p class="soft">${t('Nothing yet.')}</p>`
      : html`<ol class="ranks">${sorted.map((row) => {
          const name = pick(row, of) ?? t('operator');
          return html`<li key=${name}>
            <div><a class="name" href=${`${link(page)}?${filter}=${encodeURIComponent(pick(row, id) ?? '')}`}>${name}</a><span class="number">${money(costOf(row))} <span class="soft">· ${compact(row.requests ?? 0)}</span></span></div>
            <${Meter} share=${by(row) / top} label=${name} tone="good" />
          </li>`;
        })}</ol>`}
  <//>`;
}

const QUOTAS = { worker_requests: 'Worker requests', object_requests: 'Object requests', d1_rows_written: 'Database rows written', d1_rows_read: 'Database rows read', kv_writes: 'Key-value writes' };

function Quotas({ quotas }) {
  return html`<${Card} title=${t('Cloudflare, today')} note=${t('counted by Sluice, against the free plan')}>
    <div class="columns">
      ${quotas.map(({ name, used, limit }) => html`<div key=${name} class="quotas">
        <p><span>${t(QUOTAS[name] ?? name)}</span><span class="soft">${compact(used)} / ${compact(limit)}</span></p>
        <${Meter} share=${used / limit} label=${t(QUOTAS[name] ?? name)} />
      </div>`)}
    </div>
  <//>`;
}
