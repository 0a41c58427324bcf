// What was asked: as it happens, and before.

import { query, useList } from '../api.mjs';
import { html, useEffect, useRef, useState } from '../parts/html.mjs';
import { Badge } from '../parts/account_state.mjs';
import { link } from '../parts/router.mjs';
import { clock } from '../parts/time.mjs';
import { Button, Card, Choice, Empty, Loaded, MoreButton, Page, Segments, Text } from '../parts/ui.mjs';
import { compact, money, ms } from '../parts/format.mjs';
import { t } from '../strings.mjs';
import Request from './requests/request.mjs';
import { failed, listOf, tokensOf } from './requests/row.mjs';

/** Rows that the live list keeps: more cannot be read. */
const KEPT = 200;

export default function Requests({ rest, values }) {
  if (rest[0] !== undefined) return html`<${Request} id=${rest[0]} />`;
  return html`<${Log} key=${JSON.stringify(values)} first=${values} />`;
}

function Log({ first }) {
  const [live, setLive] = useState('history');
  return html`<${Page} title=${t('Requests')} lead=${t('Prompts and answers are not stored, unless a token says so.')}
    actions=${html`<${Segments} label=${t('Show')} value=${live} onInput=${setLive} options=${[['history', t('History')], ['live', t('Live')]]} />`}>
    ${live === 'live' ? html`<${Live} />` : html`<${History} first=${first} />`}
  <//>`;
}

function History({ first }) {
  const [filters, setFilters] = useState({ token: '', model: '', account: '', status: '', ...first });
  const [used, setUsed] = useState(filters);
  const list = useList(`usage${query(used)}`);
  const put = (name) => (value) => setFilters((old) => ({ ...old, [name]: value }));
  useEffect(() => {
    const timer = setTimeout(() => setUsed(filters), 300);
    return () => clearTimeout(timer);
  }, [filters]);
  const any = Object.values(used).some((value) => value !== '');
  return html`<div class="filters">
      <${Text} label=${t('Model')} value=${filters.model} onInput=${put('model')} />
      <${Text} label=${t('Token')} value=${filters.token} onInput=${put('token')} />
      <${Text} label=${t('Account')} value=${filters.account} onInput=${put('account')} />
      <${Choice} label=${t('Outcome')} value=${filters.status} onInput=${put('status')} options=${[['', t('all')], ['ok', t('answered')], ['error', t('failed')]]} />
      <${Button} onClick=${list.reload}>${t('Refresh')}<//>
    </div>
    <${Card} flush>
      <${Loaded} resource=${list} rows=${8}>
        ${() =>
          list.items.length === 0
            ? any
              ? html`<${Empty} title=${t('No request fits')} action=${html`<${Button} onClick=${() => setFilters({ token: '', model: '', account: '', status: '' })}>${t('Show all')}<//>`} />`
              : html`<${Empty} title=${t('Nothing was asked yet')} action=${html`<a class="button primary" href="#/connect">${t('Connect a client')}</a>`}>${t('Point a client at Sluice, or try a prompt in the playground.')}<//>`
            : html`<${Rows} items=${list.items} />`}
      <//>
    <//>
    <${MoreButton} list=${list} />`;
}

function Live() {
  const [items, setItems] = useState([]);
  const [state, setState] = useState('connecting');
  const [held, setHeld] = useState(false);
  const holding = useRef(false);
  holding.current = held;
  useEffect(() => {
    const source = new EventSource('/admin/api/usage/live');
    source.onopen = () => setState('open');
    source.onerror = () => setState(source.readyState === EventSource.CLOSED ? 'absent' : 'connecting');
    source.onmessage = ({ data }) => {
      if (holding.current) return;
      try {
        const row = JSON.parse(data);
        if (row?.id) setItems((old) => [row, ...old.filter(({ id }) => id !== row.id)].slice(0, KEPT));
      } catch {
        // A comment or a row of a newer version: the history has it.
      }
    };
    return () => source.close();
  }, []);
  if (state === 'absent') {
    return html`<${Card}><${Empty} title=${t('Not available')}>${t('This deployment’s version does not offer this yet. Deploy a newer one to have it.')}<//><//>`;
  }
  return html`<div class="actions">
      <${Badge} tone=${state === 'open' && !held ? 'good' : 'off'}>${held ? t('held') : state === 'open' ? t('live') : t('connecting…')}<//>
      <${Button} small onClick=${() => setHeld(!held)}>${held ? t('Go on') : t('Hold')}<//>
    </div>
    <${Card} flush>${items.length === 0 ? html`<${Empty} title=${t('Waiting for the next request')}>${t('It appears here as soon as it is over.')}<//>` : html`<${Rows} items=${items} />`}<//>`;
}

function Rows({ items }) {
  return html`<table class="data">
    <thead><tr><th>${t('When')}</th><th>${t('Model')}</th><th>${t('Token')}</th><th>${t('Account')}</th><th class="right">${t('Tokens used')}</th><th class="right">${t('Cost')}</th><th class="right">${t('First words')}</th><th>${t('Outcome')}</th></tr></thead>
    <tbody>${items.map((row) => {
      const { id, at, model, token, token_name: tokenName, account, account_label: label, cost, first_ms: first, status, attempts } = row;
      const tries = listOf(attempts).length;
      return html`<tr key=${id}>
        <td><a href=${link('requests', id)}>${clock(at)}</a></td>
        <td data-label=${t('Model')}><code>${model}</code></td>
        <td data-label=${t('Token')}>${tokenName || token || t('operator')}</td>
        <td data-label=${t('Account')}>${label || account || '–'}${tries > 1 && html` <span class="tag">${t('{n} tries', { n: tries })}</span>`}</td>
        <td class="right" data-label=${t('Tokens used')}>${compact(tokensOf(row))}</td>
        <td class="right" data-label=${t('Cost')}>${money(cost)}</td>
        <td class="right" data-label=${t('First words')}>${ms(first)}</td>
        <td data-label=${t('Outcome')}><${Badge} tone=${failed(row) ? 'bad' : 'good'}>${status || '–'}<//></td>
      </tr>`;
    })}</tbody>
  </table>`;
}
