// What rules and filters make of a request and an answer, before they are stored. Nobody is asked.

import { api } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { parse } from '../../parts/editor.mjs';
import { Area, Button, Choice, Code, More, Notice, Text, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

const PROTOCOLS = ['chat', 'responses', 'messages', 'gemini', 'ollama'];
const REQUEST = { model: 'gpt-4.1', messages: [{ role: 'system', content: 'Be kind.' }, { role: 'user', content: 'Write to ada@example.org.' }] };

/** `drafts` are rules or filters as they stand in the editor; what is not among them is as it is stored. */
export function Trial({ drafts }) {
  const [asked, setAsked] = useState({ model: REQUEST.model, protocol: 'chat', token: '', request: JSON.stringify(REQUEST, null, 2), answer: 'Dear ada@example.org' });
  const [told, setTold] = useState();
  const [error, setError] = useState();
  const put = (name) => (value) => setAsked((old) => ({ ...old, [name]: value }));
  const { value: request, problem } = parse(asked.request);
  const run = async () => {
    setError(undefined);
    try {
      const { model, protocol, token, answer } = asked;
      setTold(await api('POST', 'rules/try', { ...drafts, model, protocol, request, ...(token && { token }), ...(answer && { answer }) }));
    } catch (refused) {
      setTold(undefined);
      setError(refused);
    }
  };
  return html`<${More} title=${t('Try it')}>
    <p class="soft">${t('As it stands above, stored or not. Nothing is sent to a provider.')}</p>
    <div class="form spaced">
      <${Text} label=${t('Model')} value=${asked.model} onInput=${put('model')} />
      <${Choice} label=${t('Protocol')} value=${asked.protocol} onInput=${put('protocol')} options=${PROTOCOLS.map((name) => [name, name])} />
      <${Text} label=${t('Token')} hint=${t('Its id. Empty: your own key.')} value=${asked.token} onInput=${put('token')} />
      <${Area} label=${t('Request')} rows=${8} value=${asked.request} onInput=${put('request')} error=${problem?.message} />
      <${Area} label=${t('What the provider would say')} rows=${2} value=${asked.answer} onInput=${put('answer')} />
      <footer><${Button} onClick=${run} disabled=${problem !== undefined || Object.values(drafts).includes(undefined)}>${t('Try')}<//></footer>
    </div>
    ${error && html`<${Notice} tone="bad">${wordsOf(error)}<//>`}
    ${told && html`<${Told} told=${told} />`}
  <//>`;
}

const pretty = (text) => {
  const { value } = parse(text);
  return value === undefined ? text : JSON.stringify(value, null, 2);
};

function Told({ told }) {
  const { before, after, parameters, hits, refused, answer } = told;
  return html`<div class="stack spaced">
    ${refused !== null && html`<${Notice} tone="warn" title=${t('The client would be told:')}>${refused}<//>`}
    ${before === after ? html`<p class="soft">${t('The request stays as it is.')}</p>` : html`<div class="columns"><${Code} wrap title=${t('Before')} text=${pretty(before)} /><${Code} wrap title=${t('After')} text=${pretty(after)} /></div>`}
    ${parameters.length > 0 && html`<${Code} title=${t('Parameters')} text=${parameters.map(([name, value]) => `${name}: ${value ?? t('removed')}`).join('\n')} />`}
    ${answer !== null && html`<${Code} wrap title=${t('The client gets')} text=${answer} />`}
    ${hits.length > 0 && html`<p class="soft">${t('Found:')} ${hits.map(({ filter, at, position }) => `${filter} (${at}, ${position})`).join(', ')}</p>`}
  </div>`;
}
