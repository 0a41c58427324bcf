// Is it working, what was used, what did it cost, and how much of the free plan is left.

import { useResource } from '../api.mjs';
import { html, useMemo, useState } from '../parts/html.mjs';
import { Badge, Gates } from '../parts/account_state.mjs';
import { Chart } from '../parts/chart.mjs';
import { link } from '../parts/router.mjs';
import { Card, Empty, Loaded, Meter, Notice, Page, Segments } from '../parts/ui.mjs';
import { compact, money, ms, number, percent } from '../parts/format.mjs';
import { t } from '../strings.mjs';

const DAYS = [['1', 'Today'], ['7', '7 days'], ['30', '30 days']];
/** Gates that are drawn: more are a wall. */
const GATES = 120;
/** Names in each of the charts beside each other. */
const RANKS = 8;

export default function Overview({ session }) {
  const [days, setDays] = useState('7');
  const overview = useResource(`overview?days=${days}`, { every: 30_000 });
  return html`<${Page}
    title=${t('Overview')}
    actions=${html`<${Segments} label=${t('Span')} value=${days} onInput=${setDays} options=${DAYS.map(([name, title]) => [name, t(title)])} />`}
  >
    <${Health} counts=${overview.value?.accounts} session=${session} />
    <${Loaded} resource=${overview} rows=${8}>${(value) => html`<${Figures} value=${value} />`}<//>
  <//>`;
}

const STATES = [['well', 'good', '{n} ready'], ['busy', 'good', '{n} busy'], ['cooling', 'warn', '{n} cooling'], ['paused', 'off', '{n} paused'], ['broken', 'bad', '{n} to sign in again']];

function Health({ counts = {}, session }) {
  const accounts = useResource(`accounts?limit=${GATES}`, { every: 15_000 });
  return html`<${Card} title=${t('Accounts')} actions=${html`<a href="#/accounts">${t('All accounts')}</a>`}>
    <${Loaded} resource=${accounts} rows=${2}>
      ${({ items, next, total }) => {
        if (items.length === 0) {
          return html`<${Empty} title=${t('No accounts yet')} action=${html`<a class="button primary" href="#/accounts/add">${t('Add accounts')}</a>`}>
            ${t('Paste API keys, sign in at a provider, or drop the files of another gateway here.')}
          <//>`;
        }
        return html`<${Gates} accounts=${items} />
          ${next && html`<p class="soft spaced">${t('The first {shown} of {total}.', { shown: items.length, total: number(total) })}</p>`}
          <div class="legend">${STATES.filter(([name]) => counts[name] > 0).map(([name, tone, words]) => html`<${Badge} key=${name} tone=${tone}>${t(words, { n: number(counts[name]) })}<//>`)}</div>
          ${session.configured?.api_key === false && html`<div class="spaced"><${Notice} tone="warn">${t('Clients need a key: create a token, or set SLUICE_API_KEY.')} <a href="#/tokens">${t('Create a token')}</a><//></div>`}`;
      }}
    <//>
  <//>`;
}

const tokensOf = (row) => row.input + row.cache_read + row.cache_write + row.output + row.reasoning;

/** What is drawn, by name: its title, its size, how it is written, and what stands beside it. */
const METRICS = {
  requests: { title: 'Requests', measure: (row) => row.requests, format: compact, beside: 'cost' },
  tokens: { title: 'Tokens used', measure: tokensOf, format: compact, beside: 'cost' },
  cost: { title: 'Spend', measure: (row) => row.cost, format: money, beside: 'requests' },
  saved: { title: 'Saved', measure: (row) => row.saved, format: money, beside: 'requests' },
};

function Figures({ value }) {
  const { totals, ttft, step, series, by_model: byModel, by_token: byToken, by_account: byAccount, denied, quotas, lost } = value;
  const [metric, setMetric] = useState('requests');
  const { title, measure, format } = METRICS[metric];
  const chart = useMemo(() => ({ moments: series.map(({ at }) => at), series: [{ label: t(title), values: series.map(measure), tone: 'accent' }] }), [series, metric]);
  const hourly = step === 'hour';
  const name = hourly ? t('By hour') : t('By day');
  const reasons = Object.entries(denied.by_reason).map(([reason, count]) => `${reason} ${number(count)}`);
  return html`<dl class="figures">
      <div><dt>${t('Requests')}</dt><dd>${compact(totals.requests)}<small>${t('{share} errors', { share: percent(totals.error_share ?? 0) })}</small></dd></div>
      <div><dt>${t('Tokens used')}</dt><dd>${compact(tokensOf(totals))}<small>${t('{share} from caches', { share: percent(totals.cache_hit) })}</small></dd></div>
      <div><dt>${t('Spend')}</dt><dd>${money(totals.cost)}<small>${t('{sum} saved', { sum: money(totals.saved) })}</small></dd></div>
      <div><dt>${t('First words')}</dt><dd>${ms(ttft.p50)}<small>${ttft.count > 0 ? t('{p95} for 95%, {p99} for 99%', { p95: ms(ttft.p95), p99: ms(ttft.p99) }) : t('no streams yet')}</small></dd></div>
    </dl>
    ${lost > 0 && html`<${Notice} tone="warn">${t('{n} calls are missing in the log: the database could not be written. They are counted and paid for all the same.', { n: number(lost) })}<//>`}
    ${totals.requests === 0
      ? html`<${Card}><${Empty} title=${t('Nothing was asked in this time')} action=${html`<a class="button primary" href="#/connect">${t('Connect a client')}</a>`}>${t('Point a client at Sluice, or try a prompt in the playground.')}<//><//>`
      : html`<${Card} title=${name} note=${hourly ? '' : t('days begin at midnight UTC')} actions=${html`<${Segments} label=${t('Measure')} value=${metric} onInput=${setMetric} options=${Object.entries(METRICS).map(([id, { title: words }]) => [id, t(words)])} />`}>
            <${Chart} title=${`${t(title)}, ${name}`} ...${chart} hourly=${hourly} format=${format} />
          <//>
          <div class="columns">
            <${Ranks} title=${t('Models')} rows=${byModel} metric=${metric} filter="model" none=${t('nobody was asked')} />
            <${Ranks} title=${t('Tokens of clients')} rows=${byToken} metric=${metric} filter="token" none=${t('operator')} />
            <${Ranks} title=${t('Accounts')} rows=${byAccount} metric=${metric} filter="account" none=${t('nobody was asked')} />
          </div>`}
    ${denied.total > 0 && html`<p class="soft spaced">${t('{n} calls were refused before anybody was asked: {reasons}.', { n: number(denied.total), reasons: reasons.join(', ') })}</p>`}
    ${quotas.length > 0 && html`<${Quotas} quotas=${quotas} />`}`;
}

function Ranks({ title, rows, metric, filter, none }) {
  const { measure, format, beside } = METRICS[metric];
  const other = METRICS[beside];
  // What is left over is no name of its own: it stays last.
  const shown = [...rows].sort((one, two) => Boolean(one.others) - Boolean(two.others) || measure(two) - measure(one)).slice(0, RANKS);
  const top = Math.max(...shown.map(measure), 1);
  return html`<${Card} title=${title}>
    ${shown.length === 0
      ? html`<p class="soft">${t('Nothing yet.')}</p>`
      : html`<ol class="ranks">${shown.map((row) => {
          const name = row.others ? t('all others') : row.name || row.id || none;
          return html`<li key=${row.others ? '' : `=${row.id}`}>
            <div>${row.id ? html`<a class="name" href=${`${link('requests')}?${filter}=${encodeURIComponent(row.id)}`}>${name}</a>` : html`<span class="name">${name}</span>`}<span class="number">${format(measure(row))} <span class="soft">· ${other.format(other.measure(row))}</span></span></div>
            <${Meter} share=${measure(row) / top} label=${name} tone="good" />
          </li>`;
        })}</ol>`}
  <//>`;
}

const QUOTAS = { worker_requests: 'Worker requests', object_requests: 'Object requests', object_rows_written: 'Object rows written', d1_rows_written: 'Database rows written', d1_rows_read: 'Database rows read', kv_writes: 'Key-value writes' };

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
