// Which accounts there are, and how each of them stands.

import { query, useList, useResource } from '../api.mjs';
import { html, useEffect, useState } from '../parts/html.mjs';
import { StateBadge, StateWords } from '../parts/account_state.mjs';
import { link } from '../parts/router.mjs';
import { Button, Card, Choice, Empty, Loaded, MoreButton, Page, Text } from '../parts/ui.mjs';
import { number } from '../parts/format.mjs';
import { t } from '../strings.mjs';
import { Actions } from './accounts/actions.mjs';
import Account from './accounts/account.mjs';
import Add from './accounts/add.mjs';
import { Quotas } from './accounts/quotas.mjs';

export default function Accounts({ rest, values, session }) {
  if (rest[0] === 'add') return html`<${Add} way=${rest[1]} values=${values} session=${session} />`;
  if (rest[0] !== undefined) return html`<${Account} id=${rest[0]} session=${session} />`;
  return html`<${List} />`;
}

function List() {
  const [typed, setTyped] = useState('');
  const [q, setQ] = useState('');
  const [provider, setProvider] = useState('');
  const providers = useResource('providers');
  const list = useList(`accounts${query({ q, provider })}`, { every: 15_000 });
  useEffect(() => {
    const timer = setTimeout(() => setQ(typed.trim()), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  const total = list.value?.total;
  const names = [...new Set([...(providers.value ?? []).map(({ name }) => name), ...list.items.map((account) => account.provider)])].sort();
  const searching = q !== '' || provider !== '';
  return html`<${Page}
    title=${t('Accounts')}
    lead=${t('What Sluice answers from: your keys and logins. When one is limited, the next one takes over.')}
    actions=${html`<a class="button primary" href="#/accounts/add">${t('Add accounts')}</a>`}
  >
    <div class="filters">
      <${Text} label=${t('Search')} type="search" placeholder=${t('name or id')} value=${typed} onInput=${setTyped} />
      <${Choice} label=${t('Provider')} value=${provider} onInput=${setProvider} options=${[['', t('all')], ...names.map((name) => [name, name])]} />
    </div>
    <${Card} flush>
      <${Loaded} resource=${list} rows=${6}>
        ${() =>
          list.items.length === 0
            ? html`<${None} searching=${searching} onClear=${() => (setTyped(''), setQ(''), setProvider(''))} />`
            : html`<ul class="rows">${list.items.map((account) => html`<${Row} key=${account.id} account=${account} reload=${list.reload} />`)}</ul>`}
      <//>
    <//>
    <${MoreButton} list=${list} />
    ${total !== undefined && !searching && html`<p class="soft center">${t('{shown} of {total}', { shown: number(list.items.length), total: number(total) })}</p>`}
  <//>`;
}

function None({ searching, onClear }) {
  if (searching) {
    return html`<${Empty} title=${t('No account fits')} action=${html`<${Button} onClick=${onClear}>${t('Show all')}<//>`} />`;
  }
  return html`<${Empty} title=${t('No accounts yet')} action=${html`<a class="button primary" href="#/accounts/add">${t('Add accounts')}</a>`}>
    ${t('Paste API keys, sign in at a provider, or drop the files of another gateway here.')}
  <//>`;
}

function Row({ account, reload }) {
  const { id, label, provider, hint, priority, weight, group, state, quota, source, in_flight: inFlight } = account;
  return html`<li class="row">
    <div>
      <div class="title"><a href=${link('accounts', id)}>${label || id}</a><span class="tag">${provider}</span></div>
      <div class="facts">
        ${hint && hint !== '…' && html`<code>${hint}</code>`}
        <span>${t('priority {n}', { n: priority })}</span>
        ${weight !== 1 && html`<span>${t('weight {n}', { n: weight })}</span>`}
        ${group && html`<span>${group}</span>`}
        ${inFlight > 0 && html`<span>${t('{n} in flight', { n: inFlight })}</span>`}
        ${source === 'env' && html`<span>${t('from a variable')}</span>`}
      </div>
    </div>
    <div><${StateBadge} state=${state} /><${StateWords} state=${state} short onEnd=${reload} /><${Quotas} quota=${quota} short /></div>
    <${Actions} account=${account} reload=${reload} small />
  </li>`;
}
