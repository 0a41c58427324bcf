// The models that the accounts offer.

import { api, useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { attempt, say } from '../../parts/feedback.mjs';
import { Ago } from '../../parts/time.mjs';
import { link } from '../../parts/router.mjs';
import { Button, Card, Empty, Loaded, Text } from '../../parts/ui.mjs';
import { compact, money, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

/** Thousands of models are known at some providers; a page of them is enough to look at. */
const SHOWN = 200;

export function Found() {
  const models = useResource('models');
  const [q, setQ] = useState('');
  const refresh = async () => {
    const { ok, value } = await attempt(() => api('POST', 'models/refresh', {}));
    if (!ok) return;
    const failed = value.asked.filter(({ error }) => error);
    if (failed.length > 0) say(t('Asked, but not all told: {why}', { why: failed.map(({ provider, error }) => `${provider} (${error})`).join(', ') }), { tone: 'bad', stay: 10_000 });
    else say(t('The providers were asked.'));
    await models.reload();
  };
  return html`<div class="filters">
      <${Text} label=${t('Search')} type="search" value=${q} onInput=${setQ} />
      <${Button} onClick=${refresh}>${t('Ask the providers')}<//>
    </div>
    <${Card} flush>
      <${Loaded} resource=${models} rows=${8}>${({ items }) => html`<${List} rows=${items} q=${q.trim().toLowerCase()} />`}<//>
    <//>
    ${models.value?.lists?.length > 0 && html`<${Lists} lists=${models.value.lists} />`}`;
}

/** Where names are known from, beside the catalogue. */
function Lists({ lists }) {
  return html`<${Card} title=${t('Lists of providers')} note=${t('read by themselves every six hours')}>
    <ul class="stack">${lists.map(({ provider, base_url: address, models, read, error }) => html`<li>
      <strong>${provider}</strong> ${address && html`<span class="soft">${address}</span>`} <span>${t('{n} models', { n: number(models) })}</span>
      ${read && html`<span class="soft"><${Ago} at=${read} /></span>`} ${error && html`<span class="error">${error}</span>`}
    </li>`)}</ul>
  <//>`;
}

function List({ rows, q }) {
  const fitting = rows.filter(({ id, provider }) => `${id} ${provider ?? ''}`.toLowerCase().includes(q));
  if (rows.length === 0) {
    return html`<${Empty} title=${t('No models yet')} action=${html`<a class="button primary" href="#/accounts/add">${t('Add accounts')}</a>`}>${t('They come with the accounts.')}<//>`;
  }
  return html`<table class="data">
      <thead><tr><th>${t('Model')}</th><th>${t('Provider')}</th><th class="right">${t('Context')}</th><th class="right">${t('Input, per million')}</th><th class="right">${t('Output, per million')}</th><th><span class="hidden">${t('Explain')}</span></th></tr></thead>
      <tbody>${fitting.slice(0, SHOWN).map((row) => {
        const { id: name, provider, route, context } = row;
        const { input, output } = row.price ?? {};
        return html`<tr key=${name}>
          <td><code>${name}</code></td><td data-label=${t('Provider')}>${route ? html`<a href=${link('models', 'routes')}>${t('your route')}</a>` : provider}</td>
          <td class="right" data-label=${t('Context')}>${context ? compact(context) : '–'}</td>
          <td class="right" data-label=${t('Input, per million')}>${input === undefined ? '–' : money(input)}</td>
          <td class="right" data-label=${t('Output, per million')}>${output === undefined ? '–' : money(output)}</td>
          <td class="right"><a href=${`${link('models', 'explain')}?model=${encodeURIComponent(name)}`}>${t('Explain')}</a></td>
        </tr>`;
      })}</tbody>
    </table>
    ${fitting.length > SHOWN && html`<p class="soft center inset">${t('{shown} of {total}. Search to see others.', { shown: SHOWN, total: number(fitting.length) })}</p>`}
    ${fitting.length === 0 && html`<p class="soft center inset">${t('No model fits.')}</p>`}`;
}
