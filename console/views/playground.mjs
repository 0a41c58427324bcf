// One prompt through any protocol, and the raw events beside the text.

import { api, useResource } from '../api.mjs';
import { PROTOCOLS, play } from '../connect/protocols.mjs';
import { html, useEffect, useRef, useState } from '../parts/html.mjs';
import { remember, remembered } from '../parts/client_key.mjs';
import { attempt } from '../parts/feedback.mjs';
import { namesOf } from '../parts/models.mjs';
import { Area, Button, Card, Choice, Copy, Notice, Page, Text } from '../parts/ui.mjs';
import { Badge } from '../parts/account_state.mjs';
import { bytes, ms } from '../parts/format.mjs';
import { t } from '../strings.mjs';

/** Of a stream's raw text: 256 KiB, more than anybody reads. */
const SHOWN = 256 << 10;

export default function Playground({ values }) {
  const models = useResource('models');
  const names = namesOf(models.value);
  const [key, setKey] = useState(remembered());
  const [model, setModel] = useState(values.model ?? '');
  const [protocol, setProtocol] = useState('chat');
  const [prompt, setPrompt] = useState(t('Say hello in three languages.'));
  const [run, setRun] = useState();
  const abort = useRef();
  useEffect(() => () => abort.current?.abort(), []);
  const put = (value) => (setKey(value), remember(value));
  const make = async () => {
    const { ok, value } = await attempt(() => api('POST', 'tokens', { name: t('Playground'), expires: Date.now() + 3_600_000 }), t('A token for one hour is made.'));
    if (ok) put(value.key);
  };
  const used = model || names.find((name) => /demo|mini|flash|haiku/.test(name)) || names[0] || '';
  const send = async (event) => {
    event.preventDefault();
    abort.current?.abort();
    const control = (abort.current = new AbortController());
    const began = performance.now();
    const since = () => performance.now() - began;
    setRun({ busy: true, text: '', raw: '', size: 0 });
    const add = (change) => setRun((old) => ({ ...old, ...change(old) }));
    try {
      await play(PROTOCOLS.find(({ id }) => id === protocol), {
        model: used,
        prompt,
        key: key.trim(),
        signal: control.signal,
        onHead: (response) =>
          add(() => ({ status: response.status, account: response.headers.get('x-sluice-account'), provider: response.headers.get('x-sluice-provider'), attempts: response.headers.get('x-sluice-attempts'), id: response.headers.get('x-sluice-request-id') })),
        onRaw: (raw) => add((old) => ({ raw: (old.raw + raw).slice(0, SHOWN), size: old.size + raw.length })),
        onText: (text) => text && add((old) => ({ text: old.text + text, first: old.first ?? since() })),
      });
      add(() => ({ busy: false, took: since() }));
    } catch (error) {
      add(() => ({ busy: false, took: since(), stopped: error.name === 'AbortError', broken: error.name === 'AbortError' ? undefined : error.message }));
    }
  };
  return html`<${Page} title=${t('Playground')} lead=${t('Your prompt goes the way a client’s does: through the pool, and into the log.')}>
    <${Card}>
      <form class="form" onSubmit=${send}>
        <${Choice} label=${t('Protocol')} value=${protocol} onInput=${setProtocol} options=${PROTOCOLS.map(({ id, name }) => [id, name])} />
        <${Text} label=${t('Model')} list="playable" placeholder=${used} value=${model} onInput=${setModel} />
        <datalist id="playable">${names.slice(0, 500).map((name) => html`<option value=${name} />`)}</datalist>
        <${Text} label=${t('Key')} type="password" autocomplete="off" value=${key} onInput=${put} hint=${key ? t('Kept until you leave the console.') : html`${t('A client’s key, not the admin key.')} <button type="button" class="inline" onClick=${make}>${t('Make one for an hour')}</button>`} />
        <${Area} label=${t('Prompt')} rows=${3} value=${prompt} onInput=${setPrompt} />
        <footer>
          <${Button} kind="primary" type="submit" disabled=${!key.trim() || !used || run?.busy}>${t('Send')}<//>
          ${run?.busy && html`<${Button} onClick=${() => abort.current.abort()}>${t('Stop')}<//>`}
        </footer>
      </form>
    <//>
    ${run && html`<${Result} run=${run} />`}
  <//>`;
}

function Result({ run }) {
  const { text, raw, size, status, account, provider, attempts, id, first, took, busy, stopped, broken } = run;
  const bad = broken || status >= 400;
  return html`<div class="actions facts">
      ${status && html`<${Badge} tone=${bad ? 'bad' : busy ? 'off' : 'good'}>${busy ? t('streaming') : stopped ? t('stopped') : status}<//>`}
      ${provider && html`<span>${provider} · ${account}</span>`} ${attempts > 1 && html`<span>${t('{n} tries', { n: attempts })}</span>`}
      ${first !== undefined && html`<span>${t('first words after {time}', { time: ms(first) })}</span>`} ${took !== undefined && html`<span>${t('all after {time}', { time: ms(took) })}</span>`}
      ${id && !busy && html`<a href=${`#/requests/${id}`}>${t('In the log')}</a>`}
    </div>
    ${broken && html`<${Notice} tone="bad" title=${t('The stream broke.')}>${broken}<//>`}
    <div class="play">
      <${Card} title=${t('Text')} actions=${html`<${Copy} text=${text} />`}><pre class="answer" aria-live="polite" tabindex="0">${text || (busy ? '…' : t('No text.'))}</pre><//>
      <${Card} title=${t('What came')} note=${bytes(size)} actions=${html`<${Copy} text=${raw} />`}><pre tabindex="0">${raw}</pre><//>
    </div>`;
}
