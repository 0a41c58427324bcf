// One account: how it stands, what it may still use, and its settings.

import { api, useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { StateBadge, StateWords } from '../../parts/account_state.mjs';
import { attempt } from '../../parts/feedback.mjs';
import { Ago, Countdown } from '../../parts/time.mjs';
import { Area, Button, Card, Check, Empty, Loaded, Notice, Page, Text, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';
import { Actions, gone } from './actions.mjs';
import { Quotas } from './quotas.mjs';

const lines = (text) => text.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);

export default function Account({ id }) {
  const resource = useResource(`accounts/${encodeURIComponent(id)}`, { every: 15_000 });
  const account = resource.value;
  const back = { href: '#/accounts', label: t('Accounts') };
  if (resource.error?.status === 404 && !account) {
    return html`<${Page} title=${id} back=${back}><${Empty} title=${t('There is no such account')}>${t('It may have been deleted.')}<//><//>`;
  }
  return html`<${Page} title=${account?.label || id} lead=${account && `${account.provider} · ${id}`} back=${back}
    actions=${account && html`<${Actions} account=${account} reload=${resource.reload} onGone=${gone} />`}>
    <${Loaded} resource=${resource} rows=${8}>
      ${(one) => html`<div class="stack">
        <${Card} title=${t('State')}><${StateBadge} state=${one.state} /><${StateWords} state=${one.state} onEnd=${resource.reload} /><${Facts} account=${one} /><//>
        <${Quota} account=${one} />
        ${one.source === 'env' ? html`<${Notice}>${t('This account comes from a variable of the deployment. Its settings are changed there, with wrangler.')}<//>` : html`<${Settings} key=${one.revision ?? one.updated} account=${one} onSaved=${resource.reload} />`}
      </div>`}
    <//>
  <//>`;
}

function Facts({ account }) {
  const { hint, kind, expires, refreshed, created, in_flight: inFlight, base_url: address } = account;
  return html`<dl class="facts-list spaced">
    <div><dt>${t('Credential')}</dt><dd><code>${hint || '–'}</code> <span class="soft">${kind}</span></dd></div>
    ${address && html`<div><dt>${t('Address')}</dt><dd>${address}</dd></div>`}
    <div><dt>${t('In flight')}</dt><dd>${inFlight ?? 0}</dd></div>
    ${expires && html`<div><dt>${t('Access token expires')}</dt><dd><${Countdown} until=${expires} /></dd></div>`}
    ${refreshed && html`<div><dt>${t('Refreshed')}</dt><dd><${Ago} at=${refreshed} /></dd></div>`}
    ${created && html`<div><dt>${t('Added')}</dt><dd><${Ago} at=${created} /></dd></div>`}
  </dl>`;
}

function Quota({ account }) {
  const [asked, setAsked] = useState();
  const { quota = [], at } = asked ?? { quota: account.quota, at: account.quota_at };
  const ask = async () => {
    const { ok, value } = await attempt(() => api('POST', `accounts/${encodeURIComponent(account.id)}/quota`));
    if (ok) setAsked(value);
  };
  return html`<${Card} title=${t('Quota')} note=${at ? html`${t('as the provider told it')} <${Ago} at=${at} />` : t('as the provider tells it')} actions=${html`<${Button} small onClick=${ask}>${t('Ask now')}<//>`}>
    ${quota.length > 0 ? html`<${Quotas} quota=${quota} />` : html`<p class="soft">${asked ? t('The provider tells nothing.') : t('Nothing is known yet.')}</p>`}
  <//>`;
}

function Settings({ account, onSaved }) {
  const [draft, setDraft] = useState(() => ({
    label: account.label ?? '',
    priority: String(account.priority),
    weight: String(account.weight),
    cap: account.cap === null || account.cap === undefined ? '' : String(account.cap),
    group: account.group ?? '',
    base_url: account.base_url ?? '',
    allow: (account.allow ?? []).join('\n'),
    deny: (account.deny ?? []).join('\n'),
    subscription: account.subscription ?? false,
  }));
  const [key, setKey] = useState('');
  const [error, setError] = useState();
  const put = (name) => (value) => setDraft((old) => ({ ...old, [name]: value }));
  const wrong = (name) => (error?.field === name ? error.message : undefined);
  const save = async (event) => {
    event.preventDefault();
    setError(undefined);
    const { priority, weight, cap, allow, deny, ...rest } = draft;
    const body = { ...rest, priority: Number(priority), weight: Number(weight), cap: Number(cap || 0), allow: lines(allow), deny: lines(deny) };
    if (key.trim()) body.credential = { api_key: key.trim() };
    const { ok, error: problem } = await attempt(() => api('PATCH', `accounts/${encodeURIComponent(account.id)}`, body), t('Saved.'));
    if (!ok) setError(problem);
    else {
      setKey('');
      onSaved();
    }
  };
  return html`<${Card} title=${t('Settings')}>
    <form class="form" onSubmit=${save}>
      <${Text} label=${t('Name')} value=${draft.label} onInput=${put('label')} error=${wrong('label')} />
      <${Text} label=${t('Priority')} hint=${t('Lower goes first.')} type="number" min="0" value=${draft.priority} onInput=${put('priority')} error=${wrong('priority')} />
      <${Text} label=${t('Weight')} hint=${t('Share among equals.')} type="number" min="0" value=${draft.weight} onInput=${put('weight')} error=${wrong('weight')} />
      <${Text} label=${t('Calls at a time')} hint=${t('Empty: no cap.')} type="number" min="0" value=${draft.cap} onInput=${put('cap')} error=${wrong('cap')} />
      <${Text} label=${t('Group')} value=${draft.group} onInput=${put('group')} error=${wrong('group')} />
      <${Text} label=${t('Address')} hint=${t('Empty: the provider’s own.')} type="url" value=${draft.base_url} onInput=${put('base_url')} error=${wrong('base_url')} />
      <${Area} label=${t('Only these models')} hint=${t('One in a line, with * for any text. Empty: all it has.')} rows=${3} value=${draft.allow} onInput=${put('allow')} error=${wrong('allow')} />
      <${Area} label=${t('Never these models')} rows=${2} value=${draft.deny} onInput=${put('deny')} error=${wrong('deny')} />
      <${Check} label=${t('Paid by the month')} hint=${t('Calls cost nothing; what they would have cost counts as saved.')} checked=${draft.subscription} onInput=${put('subscription')} />
      ${account.kind === 'api_key' && html`<${Text} wide label=${t('Another key')} hint=${t('Replaces {hint}. Keys are never shown again.', { hint: account.hint })} type="password" autocomplete="new-password" value=${key} onInput=${setKey} error=${wrong('credential')} />`}
      ${error && !error.field && html`<p class="error">${wordsOf(error)}</p>`}
      <footer><${Button} kind="primary" type="submit">${t('Save')}<//></footer>
    </form>
  <//>`;
}
