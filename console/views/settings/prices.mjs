// What calls cost: the shipped table, and the operator's own prices over it.

import { useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Card, Loaded, Text } from '../../parts/ui.mjs';
import { money, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { Section } from './section.mjs';

/** Of the table: the rest is found by its search. */
const SHOWN = 100;
const EXAMPLE = { unknown: 'deny', models: { 'gpt-4.1': { input: 2000000, cache_read: 500000, output: 8000000 }, 'my-server/*': { input: 0, output: 0 } } };
export function Prices() {
  const prices = useResource('prices');
  return html`<div class="stack">
    <${Section} part="prices" title=${t('Your prices')} empty=${{ models: {} }} example=${EXAMPLE} lead=${t('Micro-dollars per million tokens, before the shipped prices: 2000000 is $2.')} />
    <${Loaded} resource=${prices} rows=${8}>${({ items }) => html`<${Table} rows=${items} />`}<//>
  </div>`;
}

function Table({ rows }) {
  const [q, setQ] = useState('');
  const fitting = rows.filter(({ model }) => model.toLowerCase().includes(q.trim().toLowerCase()));
  const cell = (value, title) => html`<td class="right" data-label=${title}>${value === undefined || value === null ? '–' : money(value)}</td>`;
  return html`<${Card} flush title=${t('Shipped prices')} note=${t('per million tokens')}>
    <div class="inset"><${Text} label=${t('Search')} type="search" value=${q} onInput=${setQ} /></div>
    <table class="data">
      <thead><tr><th>${t('Model')}</th><th class="right">${t('Input')}</th><th class="right">${t('Read from cache')}</th><th class="right">${t('Written to cache')}</th><th class="right">${t('Output')}</th></tr></thead>
      <tbody>${fitting.slice(0, SHOWN).map((row) => html`<tr key=${row.model}>
        <td><code>${row.model}</code></td>${cell(row.rates.input, t('Input'))}${cell(row.rates.cache_read, t('Read from cache'))}${cell(row.rates.cache_write_5m, t('Written to cache'))}${cell(row.rates.output, t('Output'))}
      </tr>`)}</tbody>
    </table>
    ${fitting.length > SHOWN && html`<p class="soft center inset">${t('{shown} of {total}. Search to see others.', { shown: SHOWN, total: number(fitting.length) })}</p>`}
  <//>`;
}
