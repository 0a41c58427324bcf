// A new token: its terms, and then its key, once.

import { api } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Dialog } from '../../parts/feedback.mjs';
import { remember } from '../../parts/client_key.mjs';
import { Button, Copy, Notice, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';
import { Terms, draftOf, termsOf } from './terms.mjs';

export function Create({ onClose }) {
  const [draft, setDraft] = useState(draftOf);
  const [error, setError] = useState();
  const [made, setMade] = useState();
  const put = (name) => (value) => setDraft((old) => ({ ...old, [name]: value }));
  const create = async (event) => {
    event.preventDefault();
    setError(undefined);
    try {
      const { expires, budget, ...terms } = termsOf(draft);
      setMade(await api('POST', 'tokens', { ...terms, ...(expires ? { expires } : {}), ...(budget ? { budget } : {}) }));
    } catch (problem) {
      setError(problem);
    }
  };
  if (made) {
    return html`<${Dialog} title=${t('{name} is created', { name: made.token?.name ?? draft.name })} onClose=${onClose} locked>
      <${Key} value=${made.key} />
      <footer class="actions"><a class="button" href="#/connect" onClick=${() => (remember(made.key), onClose())}>${t('Connect a client with it')}</a><${Button} kind="primary" onClick=${onClose}>${t('I have kept it')}<//></footer>
    <//>`;
  }
  return html`<${Dialog} wide title=${t('Create a token')} onClose=${onClose}>
    <form class="form" onSubmit=${create}>
      <${Terms} draft=${draft} put=${put} error=${error} />
      ${error && html`<p class="error">${wordsOf(error)}</p>`}
      <footer><${Button} kind="primary" type="submit" disabled=${draft.name.trim() === ''}>${t('Create')}<//></footer>
    </form>
  <//>`;
}

export function Key({ value }) {
  return html`<div class="stack">
    <${Notice} tone="warn">${t('This key is shown once. Copy it now: Sluice keeps only a fingerprint of it.')}<//>
    <p class="key">${value}</p>
    <${Copy} small=${false} kind="primary" text=${value} label=${t('Copy the key')} />
  </div>`;
}
