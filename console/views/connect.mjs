// Exact settings for a client, with this host and a key.

import { api, useResource } from '../api.mjs';
import { CLIENTS } from '../connect/clients.mjs';
import { html, useRef, useState } from '../parts/html.mjs';
import { remember, remembered } from '../parts/client_key.mjs';
import { attempt } from '../parts/feedback.mjs';
import { namesOf } from '../parts/models.mjs';
import { Button, Card, Code, Copy, Notice, Page, Text } from '../parts/ui.mjs';
import { t } from '../strings.mjs';

const KINDS = [['agent', 'Coding agents'], ['editor', 'Editors'], ['chat', 'Chat programs'], ['code', 'Your own code']];

/** Shown where no key is known yet; it says what belongs there. */
const PLACE = 'YOUR_SLUICE_KEY';

export default function Connect() {
  const [chosen, choose] = useState('claude-code');
  const [key, setKey] = useState(remembered());
  const [model, setModel] = useState('');
  const models = useResource('models');
  const names = namesOf(models.value);
  const client = CLIENTS.find(({ id }) => id === chosen);
  const settings = useRef();
  const show = (id) => {
    choose(id);
    // On a narrow screen the settings are below the list.
    if (settings.current.getBoundingClientRect().top > innerHeight - 120) settings.current.scrollIntoView({ block: 'start' });
  };
  const put = (value) => (setKey(value), remember(value));
  const make = async () => {
    const { ok, value } = await attempt(() => api('POST', 'tokens', { name: client.name }), t('A token for {name} is made. Copy the settings now: the key is not shown again.', { name: client.name }));
    if (ok) put(value.key);
  };
  const used = model || suggestion(chosen, names);
  const parts = client.parts({ address: location.origin, key: key || PLACE, model: used });
  return html`<${Page} title=${t('Connect')} lead=${t('Every client that speaks OpenAI, Anthropic, Gemini or Ollama. One address, one key.')}>
    <${Card}>
      <dl class="addresses">
        <div><dt>${t('Address')}</dt><dd><code>${location.origin}</code> <${Copy} text=${location.origin} /></dd></div>
        <div><dt>${t('Address for OpenAI clients')}</dt><dd><code>${location.origin}/v1</code> <${Copy} text=${`${location.origin}/v1`} /></dd></div>
      </dl>
      <div class="form spaced">
        <${Text} label=${t('Key')} hint=${key ? t('It is in the settings below, and kept until you leave this page.') : t('Paste one of yours, or make a token for this client.')} type="password" autocomplete="off" value=${key} onInput=${put} />
        <${Text} label=${t('Model')} list="models" placeholder=${used} value=${model} onInput=${setModel} />
        <datalist id="models">${names.slice(0, 500).map((name) => html`<option value=${name} />`)}</datalist>
        <footer><${Button} onClick=${make}>${t('Make a token for {name}', { name: client.name })}<//></footer>
      </div>
    <//>
    <div class="connect">
      <div>${KINDS.map(
        ([kind, title]) => html`<div key=${kind}>
          <h2 class="kind">${t(title)}</h2>
          <div class="tiles">${CLIENTS.filter((one) => one.kind === kind).map((one) => html`<button type="button" class="tile" aria-pressed=${String(one.id === chosen)} onClick=${() => show(one.id)}>${t(one.name)}</button>`)}</div>
        </div>`,
      )}</div>
      <div ref=${settings}>
        <${Card} title=${t(client.name)}>
          <div class="stack" aria-live="polite">
            ${parts.map(({ title, text, rows }) =>
              rows
                ? html`<div><h3>${title}</h3><table class="data settings"><tbody>${rows.map(([name, value]) => html`<tr><td>${name}</td><td><code>${value}</code></td><td class="right"><${Copy} text=${value} /></td></tr>`)}</tbody></table></div>`
                : html`<${Code} title=${t(title)} text=${text} />`,
            )}
            ${!key && html`<${Notice}>${t('Put your key where it says {place}.', { place: PLACE })}<//>`}
          </div>
        <//>
      </div>
    </div>
  <//>`;
}

/** A model that the client would ask for anyway, if there is one. */
function suggestion(client, names) {
  const wanted = { 'claude-code': /^claude.*sonnet|^claude/, codex: /^gpt-5|codex/, 'gemini-cli': /^gemini.*pro|^gemini/, 'qwen-code': /qwen.*coder|qwen/ }[client] ?? /^gpt|^claude|^gemini/;
  return names.find((name) => wanted.test(name)) ?? names[0] ?? { 'claude-code': 'claude-sonnet-4-5', codex: 'gpt-5', 'gemini-cli': 'gemini-2.5-pro' }[client] ?? 'gpt-4.1';
}
