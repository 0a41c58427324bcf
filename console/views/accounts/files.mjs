// Files of other programs, read here in the browser, shown, and only then sent.

import { api } from '../../api.mjs';
import { html, useRef, useState } from '../../parts/html.mjs';
import { Button, Card, Copy, Notice, wordsOf } from '../../parts/ui.mjs';
import { bytes } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

/** 200 files of 4 MiB: an export of the largest pool anybody has. */
const LIMIT = 4 << 20;
const MANY = 200;

export function Files() {
  const [over, setOver] = useState(false);
  const [found, setFound] = useState();
  const [problem, setProblem] = useState();
  const input = useRef();
  const read = async (list) => {
    const files = [...list].slice(0, MANY);
    setProblem(undefined);
    setFound(undefined);
    const large = files.find(({ size }) => size > LIMIT);
    if (large) {
      setProblem(t('{name} is larger than {limit}.', { name: large.name, limit: bytes(LIMIT) }));
      return;
    }
    try {
      const [importer, preview] = await Promise.all([import('../../import/import.mjs'), import('../../import/preview.mjs')]);
      const texts = await Promise.all(files.map(async (file) => ({ name: file.webkitRelativePath || file.name, text: await file.text() })));
      const answer = await importer.read(texts);
      setFound({ ...answer, accounts: preview.accounts(answer.bundle) });
    } catch (error) {
      setProblem(error.message);
    }
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    read(event.dataTransfer.files);
  };
  return html`<div class="stack">
    <div class=${`drop ${over ? 'over' : ''}`} onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <h2>${t('Drop files here')}</h2>
      <p class="soft">${t('Logins of Gemini CLI, Codex, Claude Code, Qwen Code and Kiro; the configuration or export of AIClient-2-API, CLIProxyAPI, One API, New API, LiteLLM, one-balance and claude-code-router; a list of keys; an .env file.')}</p>
      <${Button} onClick=${() => input.current.click()}>${t('Choose files')}<//>
      <input ref=${input} class="hidden" type="file" multiple tabindex="-1" aria-label=${t('Files')} onChange=${(event) => read(event.currentTarget.files)} />
      <p class="soft">${t('They are read in this browser. Nothing is sent before you have seen what was found.')}</p>
    </div>
    ${problem && html`<${Notice} tone="bad">${problem}<//>`} ${found && html`<${Found} key=${found} found=${found} />`}
  </div>`;
}

function Found({ found }) {
  const { bundle, accounts } = found;
  const [trial, setTrial] = useState();
  const [done, setDone] = useState();
  const [error, setError] = useState();
  const send = async (dry) => {
    setError(undefined);
    try {
      const answer = await api('POST', `import${dry ? '?dry_run=1' : ''}`, bundle);
      (dry ? setTrial : setDone)(answer);
    } catch (problem) {
      setError(problem);
    }
  };
  const nothing = accounts.length + bundle.tokens.length + Object.keys(bundle.config?.routes ?? {}).length === 0;
  const told = done ?? trial;
  return html`<${Card} flush title=${t('Found')} note=${t('{accounts} accounts, {tokens} tokens, {routes} routes', { accounts: accounts.length, tokens: bundle.tokens.length, routes: Object.keys(bundle.config?.routes ?? {}).length })}>
    <div class="inset stack">
      <ul class="soft">${found.found.slice(0, 12).map(({ name, title }) => html`<li><code>${name || t('pasted')}</code> ${title}</li>`)}</ul>
      ${bundle.notes?.length > 0 && html`<${Notice} tone="warn" title=${t('Please note')}><ul>${bundle.notes.slice(0, 30).map((note) => html`<li>${note}</li>`)}</ul><//>`}
    </div>
    ${accounts.length > 0 &&
    html`<table class="data">
      <thead><tr><th>${t('Provider')}</th><th>${t('Name')}</th><th>${t('Credential')}</th><th>${t('Kind')}</th><th>${t('Then')}</th></tr></thead>
      <tbody>${accounts.slice(0, 100).map(
        (one, at) => html`<tr>
          <td data-label=${t('Provider')}>${one.provider}</td><td data-label=${t('Name')}>${one.label || '–'}</td>
          <td data-label=${t('Credential')}><code>${one.hint || '–'}</code></td><td data-label=${t('Kind')}>${one.kind}${one.renews ? ` · ${t('renews itself')}` : ''}</td>
          <td data-label=${t('Then')}><${Fate} taken=${told?.accounts[at]} /></td>
        </tr>`,
      )}</tbody>
    </table>`}
    <div class="inset stack">
      ${error && html`<${Notice} tone="bad">${wordsOf(error)}<//>`}
      <${Rest} told=${told} done=${done !== undefined} />
      ${done
        ? html`<${Notice} tone="good" title=${t('Imported.')}><a href="#/accounts">${t('See the accounts')}</a><//>`
        : html`<div class="actions"><${Button} onClick=${() => send(true)} disabled=${nothing}>${t('Try without storing')}<//><${Button} kind="primary" onClick=${() => send(false)} disabled=${nothing}>${t('Import')}<//></div>`}
    </div>
  <//>`;
}

const FATES = { add: 'is added', update: 'is updated', skip: 'is there already', refuse: 'is not taken' };

export function Fate({ taken }) {
  if (taken === undefined) return '–';
  return html`${t(FATES[taken.action] ?? taken.action)}${taken.message && html` <span class="error">${taken.message}</span>`}`;
}

/** What became of tokens and routes; a new token's key is told this once. */
export function Rest({ told, done }) {
  if (told === undefined) return null;
  const { tokens = [], config } = told;
  return html`${tokens.length > 0 &&
    html`<h3>${t('Tokens')}</h3>
      ${done && tokens.some(({ key }) => key) && html`<${Notice} tone="warn">${t('These keys are shown once. Copy them now.')}<//>`}
      <ul class="stack">${tokens.map((one) => html`<li>${one.name}: <${Fate} taken=${one} /> ${one.key && html`<code>${one.key}</code> <${Copy} text=${one.key} />`}</li>`)}</ul>`}
    ${config && html`<p>${t('Routes')}: <${Fate} taken=${config} /></p>`}
    ${(config?.problems ?? []).slice(0, 30).map(({ path, message }) => html`<p class="error"><code>${path}</code> ${message}</p>`)}`;
}
