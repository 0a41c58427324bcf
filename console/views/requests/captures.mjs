// Conversations that tokens allowed to be kept: found, exported, and forgotten.

import { api, query, useList } from '../../api.mjs';
import { html, useEffect, useState } from '../../parts/html.mjs';
import { Confirm, attempt } from '../../parts/feedback.mjs';
import { link } from '../../parts/router.mjs';
import { clock } from '../../parts/time.mjs';
import { Button, Card, Empty, Loaded, MoreButton, Text } from '../../parts/ui.mjs';
import { bytes, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

const NONE = { token: '', model: '', finish: '', from: '', to: '' };

/** Days of the reader's calendar as the API's moments; the last day counts whole. */
const wanted = ({ from, to, ...texts }) => ({
  ...texts,
  from: from && new Date(`${from}T00:00`).getTime(),
  to: to && new Date(`${to}T00:00`).getTime() + 86_400_000,
});

export function Captures() {
  const [filters, setFilters] = useState(NONE);
  const [used, setUsed] = useState(NONE);
  const [asking, setAsking] = useState(false);
  const list = useList(`captures${query(wanted(used))}`);
  const put = (name) => (value) => setFilters((old) => ({ ...old, [name]: value }));
  useEffect(() => {
    const timer = setTimeout(() => setUsed(filters), 300);
    return () => clearTimeout(timer);
  }, [filters]);
  const any = Object.values(used).some((value) => value !== '');
  const address = (format) => `/admin/api/captures/export${query({ format, ...wanted(used) })}`;
  const forget = async () => {
    let gone = 0;
    const { ok } = await attempt(async () => {
      // So many at a time, until there are none.
      for (let deleted; deleted !== 0; gone += deleted) ({ deleted } = await api('DELETE', `captures${query(wanted(used))}`));
    }, () => t('{n} captures deleted.', { n: number(gone) }));
    setAsking(false);
    if (ok) await list.reload();
  };
  return html`<div class="filters">
      <${Text} label=${t('Model')} value=${filters.model} onInput=${put('model')} />
      <${Text} label=${t('Token')} value=${filters.token} onInput=${put('token')} />
      <${Text} label=${t('Finish')} placeholder="stop" value=${filters.finish} onInput=${put('finish')} />
      <${Text} label=${t('From')} type="date" value=${filters.from} onInput=${put('from')} />
      <${Text} label=${t('To')} type="date" value=${filters.to} onInput=${put('to')} />
    </div>
    <${Card} flush>
      <${Loaded} resource=${list} rows=${6}>
        ${() =>
          list.items.length === 0
            ? any
              ? html`<${Empty} title=${t('No capture fits')} action=${html`<${Button} onClick=${() => setFilters(NONE)}>${t('Show all')}<//>`} />`
              : html`<${Empty} title=${t('Nothing is kept')} action=${html`<a class="button primary" href="#/tokens">${t('Choose a token')}</a>`}>${t('A token with “Keep its calls word for word” keeps request and answer here.')}<//>`
            : html`<${Rows} items=${list.items} />`}
      <//>
    <//>
    <${MoreButton} list=${list} />
    ${list.items.length > 0 &&
    html`<${Card} title=${t('What is shown, in one file')} note=${t('each conversation once; masked values stay masked')}>
      <div class="actions">
        <a class="button primary" href=${address('chat')} download>${t('Export for fine-tuning')}</a>
        <a class="button" href=${address('pairs')} download>${t('Export as they were')}</a>
        <${Button} kind="danger" onClick=${() => setAsking(true)}>${t('Delete…')}<//>
        <a href=${link('settings', 'storage')}>${t('How long they are kept')}</a>
      </div>
    <//>`}
    ${asking &&
    html`<${Confirm} title=${t('Delete captures')} verb=${t('Delete')} onYes=${forget} onClose=${() => setAsking(false)}>
      ${any ? t('All that fit what you searched for are deleted, also those that are not shown yet. They do not come back.') : t('All captures are deleted. They do not come back.')}
    <//>`}`;
}

function Rows({ items }) {
  return html`<table class="data">
    <thead><tr><th>${t('When')}</th><th>${t('Model')}</th><th>${t('Token')}</th><th>${t('Protocol')}</th><th>${t('Finish')}</th><th class="right">${t('Size')}</th></tr></thead>
    <tbody>${items.map(
      ({ id, at, model, token, token_name: name, protocol, finish, bytes: size }) => html`<tr key=${id}>
        <td><a href=${`${link('requests', id)}`}>${clock(at)}</a></td><td data-label=${t('Model')}><code>${model}</code></td>
        <td data-label=${t('Token')}>${name || token}</td><td data-label=${t('Protocol')}>${protocol}</td>
        <td data-label=${t('Finish')}>${finish || '–'}</td><td class="right" data-label=${t('Size')}>${bytes(size)}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}
