// Four ways to bring accounts: keys, a sign-in, files of other programs, a server of one's own.

import { api, useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { link } from '../../parts/router.mjs';
import { Area, Button, Card, Choice, Notice, Page, Text, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';
import { Login } from './login.mjs';
import { Files } from './files.mjs';

const WAYS = [
  ['keys', 'API keys'],
  ['login', 'Sign in'],
  ['files', 'Files'],
  ['server', 'A server'],
];

export default function Add({ way = 'keys', values, session }) {
  const master = session.configured?.master;
  return html`<${Page} title=${t('Add accounts')} back=${{ href: '#/accounts', label: t('Accounts') }} lead=${t('Credentials are sealed before they are stored, and never shown again.')}>
    ${master === false &&
    html`<${Notice} tone="warn" title=${t('No master key is set')}>
      <p>${t('Without it nothing can be stored. Set it where you deployed from, then reload this page:')}</p>
      <p><code>openssl rand -base64 32 | npx wrangler secret put SLUICE_MASTER_KEY</code></p>
    <//>`}
    <div class="tabs" role="navigation" aria-label=${t('Ways to add accounts')}>
      ${WAYS.map(([name, title]) => html`<a href=${link('accounts', 'add', name)} aria-current=${name === way ? 'page' : undefined}>${t(title)}</a>`)}
    </div>
    ${way === 'login' ? html`<${Login} values=${values} />` : way === 'files' ? html`<${Files} />` : way === 'server' ? html`<${Server} />` : html`<${Keys} />`}
  <//>`;
}

function Keys() {
  const providers = useResource('providers');
  const [keys, setKeys] = useState('');
  const [provider, setProvider] = useState('');
  const [label, setLabel] = useState('');
  const [result, setResult] = useState();
  const [error, setError] = useState();
  const count = keys.split(/[\n,]/).filter((line) => line.trim() && !line.trim().startsWith('#')).length;
  const options = (providers.value ?? []).filter(({ login }) => login === undefined || login === 'key').map(({ name, title }) => [name, title ?? name]);
  const add = async (event) => {
    event.preventDefault();
    setError(undefined);
    setResult(undefined);
    try {
      setResult(await api('POST', 'accounts', { keys, ...(provider ? { provider } : {}), ...(label ? { label } : {}) }));
      setKeys('');
    } catch (problem) {
      if (problem.problems.length > 0) setResult({ created: [], problems: problem.problems });
      else setError(problem);
    }
  };
  return html`<${Card}>
    <form class="form" onSubmit=${add}>
      <${Area} label=${t('Keys')} hint=${t('One in a line. The provider is found by how a key begins, where that is unmistakable.')} class="mono" rows=${7} placeholder=${'sk-ant-…\nAIza…\nsk-or-v1-…'} value=${keys} onInput=${setKeys} error=${error?.field === 'keys' ? error.message : undefined} />
      <${Choice} label=${t('Provider')} value=${provider} onInput=${setProvider} options=${[['', t('find out')], ...options]} error=${error?.field === 'provider' ? error.message : undefined} />
      <${Text} label=${t('Name')} hint=${t('For you; may be left empty.')} value=${label} onInput=${setLabel} />
      ${error && !['keys', 'provider'].includes(error.field) && html`<p class="error">${wordsOf(error)}</p>`}
      <footer><${Button} kind="primary" type="submit" disabled=${count === 0}>${count > 1 ? t('Add {n} keys', { n: count }) : t('Add')}<//></footer>
    </form>
    ${result && html`<${Outcome} result=${result} />`}
  <//>`;
}

export function Outcome({ result }) {
  const { created = [], problems = [] } = result;
  return html`<div class="stack" role="status">
    ${created.length > 0 &&
    html`<${Notice} tone="good" title=${created.length === 1 ? t('Added.') : t('{n} accounts added.', { n: created.length })}>
      <p>${created.slice(0, 20).map((account, at) => html`${at > 0 && ', '}<a href=${link('accounts', account.id)}>${account.label || account.id}</a>`)}${created.length > 20 && ' …'}</p>
    <//>`}
    ${problems.length > 0 &&
    html`<${Notice} tone="warn" title=${t('Not added: {n}', { n: problems.length })}>
      <ul>${problems.slice(0, 50).map(({ line, hint, message }) => html`<li>${line && t('line {n}', { n: line })} <code>${hint}</code> ${message}</li>`)}</ul>
    <//>`}
  </div>`;
}

function Server() {
  const [draft, setDraft] = useState({ provider: '', base_url: '', protocol: 'chat', key: '', label: '' });
  const [result, setResult] = useState();
  const [error, setError] = useState();
  const put = (name) => (value) => setDraft((old) => ({ ...old, [name]: value }));
  const wrong = (name) => (error?.field === name ? error.message : undefined);
  const add = async (event) => {
    event.preventDefault();
    setError(undefined);
    const { key, label, ...rest } = draft;
    try {
      const account = await api('POST', 'accounts', { ...rest, ...(label ? { label } : {}), ...(key.trim() ? { credential: { api_key: key.trim() } } : { kind: 'none' }) });
      setResult({ created: [account] });
    } catch (problem) {
      setError(problem);
    }
  };
  return html`<${Card} title=${t('Any server that speaks one of these protocols')} note=${t('vLLM, Ollama, another gateway, …')}>
    <form class="form" onSubmit=${add}>
      <${Text} label=${t('Name of the provider')} hint=${t('As in name/model; letters, digits and dashes.')} required pattern="[A-Za-z0-9.\\-]+" value=${draft.provider} onInput=${put('provider')} error=${wrong('provider')} />
      <${Text} label=${t('Address')} type="url" required placeholder="https://models.example.com/v1" value=${draft.base_url} onInput=${put('base_url')} error=${wrong('base_url')} />
      <${Choice} label=${t('Protocol')} value=${draft.protocol} onInput=${put('protocol')} options=${[['chat', 'OpenAI Chat'], ['messages', 'Anthropic Messages'], ['gemini', 'Gemini']]} error=${wrong('protocol')} />
      <${Text} label=${t('Key')} hint=${t('Empty, if it asks for none.')} type="password" autocomplete="new-password" value=${draft.key} onInput=${put('key')} error=${wrong('credential')} />
      <${Text} label=${t('Name')} value=${draft.label} onInput=${put('label')} error=${wrong('label')} />
      ${error && !error.field && html`<p class="error">${wordsOf(error)}</p>`}
      <footer><${Button} kind="primary" type="submit">${t('Add')}<//></footer>
    </form>
    ${result && html`<${Outcome} result=${result} />`}
  <//>`;
}
