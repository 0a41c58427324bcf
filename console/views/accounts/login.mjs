// Signing in at a provider: by a code that is typed there, or by the address at which the browser ends.

import { api, get, useResource } from '../../api.mjs';
import { html, useEffect, useState } from '../../parts/html.mjs';
import { Countdown } from '../../parts/time.mjs';
import { link } from '../../parts/router.mjs';
import { Area, Button, Card, Copy, Empty, Loaded, Notice, Segments, Text, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

export function Login({ values }) {
  const providers = useResource('providers');
  const [chosen, choose] = useState();
  return html`<${Loaded} resource=${providers}>
    ${(all) => {
      const ways = all.filter(({ login }) => login === 'device' || login === 'paste');
      if (ways.length === 0) {
        return html`<${Empty} title=${t('Not available')}>${t('This deployment’s version has no sign-ins. API keys and files work.')}<//>`;
      }
      const provider = chosen ?? ways.find((one) => values.provider && [one.name, one.provider].includes(values.provider));
      if (provider) return html`<${Begin} provider=${provider} account=${values.account} onBack=${() => (choose(undefined), (location.hash = link('accounts', 'add', 'login')))} />`;
      return html`<div class="tiles">
        ${ways.map((one) => html`<button type="button" class="tile" key=${one.name} onClick=${() => choose(one)}><strong>${one.title ?? one.name}</strong><small>${one.note ? t(one.note) : one.login === 'device' ? t('with a code') : t('by pasting an address')}</small></button>`)}
      </div>`;
    }}
  <//>`;
}

/** What some providers must be told before. */
const OPTIONS = { 'kiro-builder-id': [['start_url', 'Start URL'], ['region', 'Region']], 'gemini-cli': [['project_id', 'Google Cloud project']] };

function Begin({ provider, account, onBack }) {
  const [login, setLogin] = useState();
  const [options, setOptions] = useState({});
  const [error, setError] = useState();
  const asked = OPTIONS[provider.name] ?? [];
  const kinds = provider.kinds ?? [];
  const [kind, setKind] = useState(provider.login);
  const begin = async () => {
    setError(undefined);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value.trim() !== ''));
    try {
      setLogin(await api('POST', 'logins', { provider: provider.name, ...(kinds.length > 1 ? { kind } : {}), ...(Object.keys(given).length > 0 ? { options: given } : {}), ...(account ? { account } : {}) }));
    } catch (problem) {
      setError(problem);
    }
  };
  const stop = () => {
    if (login) api('DELETE', `logins/${login.id}`).catch(() => {});
    setLogin(undefined);
    onBack();
  };
  return html`<${Card} title=${provider.title ?? provider.name} note=${provider.note && t(provider.note)} actions=${html`<${Button} small kind="bare" onClick=${stop}>${t('Another provider')}<//>`}>
    ${login
      ? html`<${Steps} key=${login.id} login=${login} onAgain=${() => setLogin(undefined)} />`
      : html`<div class="stack">
          ${kinds.length > 1 && html`<div><${Segments} label=${t('How')} value=${kind} onInput=${setKind} options=${[['device', t('with a code')], ['paste', t('by pasting an address')]]} /></div>`}
          ${asked.length > 0 && html`<div class="form">${asked.map(([name, title]) => html`<${Text} label=${t(title)} hint=${t('May be left empty.')} value=${options[name]} onInput=${(value) => setOptions((old) => ({ ...old, [name]: value }))} />`)}</div>`}
          ${error && html`<${Notice} tone="bad">${wordsOf(error)}<//>`}
          <${Button} kind="primary" onClick=${begin}>${t('Begin')}<//>
        </div>`}
  <//>`;
}

function Steps({ login, onAgain }) {
  const [status, setStatus] = useState({ state: 'waiting' });
  useEffect(() => {
    if (status.state !== 'waiting') return undefined;
    let gone = false;
    let timer;
    const ask = async () => {
      try {
        const next = await get(`logins/${login.id}`);
        if (!gone) setStatus(next);
      } catch (error) {
        if (!gone && error.status === 404) setStatus({ state: 'failed', error: error.message });
      }
      if (!gone) timer = setTimeout(ask, 2500);
    };
    timer = setTimeout(ask, 2500);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [login.id, status.state]);
  if (status.state === 'done') {
    const { account: id, notes = [] } = status;
    return html`<${Notice} tone="good" title=${t('Signed in.')}>
      <p>${id ? html`<a href=${link('accounts', id)}>${id}</a> ${t('is ready to be asked.')}` : t('The account is ready to be asked.')}</p>
      ${notes.map((note) => html`<p>${note}</p>`)}
    <//>`;
  }
  if (status.state === 'failed') {
    return html`<div class="stack">
      <${Notice} tone="bad" title=${t('The sign-in did not work.')}>${status.error ?? ''}<//>
      <${Button} kind="primary" onClick=${onAgain}>${t('Begin again')}<//>
    </div>`;
  }
  return login.kind === 'device' ? html`<${Device} login=${{ ...login, ...status }} />` : html`<${Paste} login=${login} onDone=${setStatus} />`;
}

function Device({ login }) {
  return html`<div class="device">
    <p>${t('Open the provider’s page and type this code:')}</p>
    <p class="user-code">${login.code ?? '…'}</p>
    <div class="actions"><a class="button primary" href=${login.url} target="_blank" rel="noreferrer">${t('Open the page')}</a><${Copy} small=${false} text=${login.code} label=${t('Copy the code')} /></div>
    <p class="soft" role="status">${t('Waiting for you to finish there.')} ${login.expires && html`${t('The code is good for')} <${Countdown} until=${login.expires} />`}</p>
  </div>`;
}

function Paste({ login, onDone }) {
  const [text, setText] = useState('');
  const [error, setError] = useState();
  const send = async (event) => {
    event.preventDefault();
    setError(undefined);
    try {
      const answer = await api('POST', `logins/${login.id}/paste`, { text });
      onDone(answer?.state ? answer : { state: 'waiting' });
      setText('');
    } catch (problem) {
      setError(wordsOf(problem));
    }
  };
  return html`<form class="stack" onSubmit=${send}>
    <ol class="chain">
      <li><span class="step">1</span><div><p>${t('Open the sign-in page and allow it.')}</p><p><a class="button primary" href=${login.url} target="_blank" rel="noreferrer">${t('Open the page')}</a></p></div></li>
      <li><span class="step">2</span><div><p>${t('The browser ends at an address that cannot be opened (localhost), or at a page with a code. That is right.')}</p></div></li>
      <li><span class="step">3</span><div><${Area} label=${t('Paste the whole address, or the code')} rows=${3} placeholder="http://localhost:1455/auth/callback?code=…&state=…" value=${text} onInput=${setText} error=${error} /></div></li>
    </ol>
    <div class="actions"><${Button} kind="primary" type="submit" disabled=${text.trim() === ''}>${t('Finish')}<//>
      ${login.expires && html`<span class="soft">${t('This sign-in is good for')} <${Countdown} until=${login.expires} /></span>`}
    </div>
  </form>`;
}
