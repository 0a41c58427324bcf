// What was asked: as it happens, and before.

import { query, useList } from '../api.mjs';
import { html, useEffect, useState } from '../parts/html.mjs';
import { go } from '../parts/router.mjs';
import { Button, Card, Choice, Empty, Loaded, MoreButton, Page, Segments, Text } from '../parts/ui.mjs';
import { t } from '../strings.mjs';
import { Captures } from './requests/captures.mjs';
import { Live } from './requests/live.mjs';
import Request from './requests/request.mjs';
import { Rows } from './requests/table.mjs';

const VIEWS = { history: History, live: Live, captures: Captures };

export default function Requests({ rest, values }) {
  if (rest[0] !== undefined && !(rest[0] in VIEWS)) return html`<${Request} id=${rest[0]} />`;
  return html`<${Log} key=${JSON.stringify(values)} first=${values} view=${rest[0] ?? 'history'} />`;
}

function Log({ first, view }) {
  return html`<${Page} title=${t('Requests')} lead=${t('Prompts and answers are not stored, unless a token says so.')}
    actions=${html`<${Segments} label=${t('Show')} value=${view} onInput=${(name) => go('requests', name)} options=${[['history', t('History')], ['live', t('Live')], ['captures', t('Captures')]]} />`}>
    <${VIEWS[view]} first=${first} />
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
              ? html`<${Empty} title=${list.next ? t('No request fits among those that were looked through') : t('No request fits')} action=${html`<${Button} onClick=${() => setFilters({ token: '', model: '', account: '', status: '' })}>${t('Show all')}<//>`} />`
              : html`<${Empty} title=${t('Nothing was asked yet')} action=${html`<a class="button primary" href="#/connect">${t('Connect a client')}</a>`}>${t('Point a client at Sluice, or try a prompt in the playground.')}<//>`
            : html`<${Rows} items=${list.items} />`}
      <//>
    <//>
    <${MoreButton} list=${list} label=${any && t('Look further back')} />`;
}
