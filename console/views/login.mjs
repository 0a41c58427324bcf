// The door: the admin key, or how to set one.

import { api } from '../api.mjs';
import { html, useState } from '../parts/html.mjs';
import { Mark } from '../parts/mark.mjs';
import { Button, Code, Notice, Text, wordsOf } from '../parts/ui.mjs';
import { t } from '../strings.mjs';

export default function Login({ session, onEnter }) {
  const configured = session.configured ?? {};
  return html`<div class="login">
    <p class="sign"><${Mark} /> Sluice</p>
    ${session.error ? html`<${Unreachable} error=${session.error} onRetry=${onEnter} />` : configured.admin ? html`<${Form} over=${session.over} onEnter=${onEnter} />` : html`<${First} configured=${configured} onRetry=${onEnter} />`}
  </div>`;
}

function Form({ over, onEnter }) {
  const [key, setKey] = useState('');
  const [error, setError] = useState();
  const enter = async (event) => {
    event.preventDefault();
    setError(undefined);
    try {
      await api('POST', 'session', { key: key.trim() });
      await onEnter();
    } catch (problem) {
      setError(problem.status === 401 ? t('This is not the admin key.') : wordsOf(problem));
    }
  };
  return html`<form onSubmit=${enter}>
    <h1>${t('Sign in')}</h1>
    <p class="lead">${over ? t('Your session has ended. Sign in again to go on.') : t('With the admin key of this deployment. It stays in this browser’s memory only until you are in.')}</p>
    <${Text} label=${t('Admin key')} type="password" autocomplete="current-password" name="key" required autofocus value=${key} onInput=${setKey} error=${error} wide />
    <${Button} kind="primary" type="submit" disabled=${key.trim() === ''}>${t('Sign in')}<//>
  </form>`;
}

function First({ configured, onRetry }) {
  return html`<div>
    <h1>${t('Two secrets to begin with')}</h1>
    <p class="lead">${t('This deployment has no admin key yet, so nobody can sign in. Run these where you deployed from; each asks for its value:')}</p>
    <${Code} title=${t('The key you sign in with here')} text="npx wrangler secret put SLUICE_ADMIN_KEY" />
    ${!configured.master && html`<${Code} title=${t('The key that seals stored accounts')} text="openssl rand -base64 32 | npx wrangler secret put SLUICE_MASTER_KEY" />`}
    <p class="soft">${t('For the admin key take a long random text, for example from: openssl rand -hex 24. Keep both in a password manager: without the master key stored accounts cannot be opened.')}</p>
    <${Button} kind="primary" onClick=${onRetry}>${t('I have set them')}<//>
  </div>`;
}

function Unreachable({ error, onRetry }) {
  return html`<div>
    <h1>${t('Sluice does not answer')}</h1>
    <${Notice} tone="bad">${wordsOf(error)}<//>
    <${Button} kind="primary" onClick=${onRetry}>${t('Try again')}<//>
  </div>`;
}
