// Which accounts would be asked now, in which order, and why not the others. Nobody is called.

import { api } from '../../api.mjs';
import { html, useEffect, useState } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { link } from '../../parts/router.mjs';
import { Countdown, clock } from '../../parts/time.mjs';
import { Button, Card, Choice, Empty, More, Notice, Text, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

export function Explain({ model: first }) {
  const [model, setModel] = useState(first ?? '');
  const [protocol, setProtocol] = useState('chat');
  const [answer, setAnswer] = useState();
  const [error, setError] = useState();
  const ask = async (event) => {
    event?.preventDefault();
    setError(undefined);
    try {
      setAnswer(await api('POST', 'route/explain', { model: model.trim(), protocol }));
    } catch (problem) {
      setAnswer(undefined);
      setError(problem);
    }
  };
  useEffect(() => {
    if (first) ask();
  }, []);
  return html`<${Card}>
      <form class="filters" onSubmit=${ask}>
        <${Text} label=${t('Model or route')} required value=${model} onInput=${setModel} />
        <${Choice} label=${t('Asked through')} value=${protocol} onInput=${setProtocol} options=${[['chat', 'OpenAI Chat'], ['responses', 'OpenAI Responses'], ['messages', 'Anthropic Messages'], ['gemini', 'Gemini'], ['ollama', 'Ollama']]} />
        <${Button} kind="primary" type="submit">${t('If asked now …')}<//>
      </form>
      ${error && html`<${Notice} tone=${error.absent ? 'plain' : 'bad'}>${wordsOf(error)}<//>`} ${answer && html`<${Answer} answer=${answer} />`}
      ${!answer && !error && html`<${Empty} title=${t('Ask, and nobody is called')}>${t('You see which accounts would be asked, in which order, and why the others would not.')}<//>`}
    <//>`;
}

function Answer({ answer }) {
  const asked = answer.candidates ?? answer.accounts ?? [];
  const chosen = answer.chosen ?? answer.choice ?? asked.find((one) => one.chosen)?.account ?? answer.order?.[0];
  if (asked.length === 0) {
    return html`<${Empty} title=${t('Nobody would answer')}>${answer.error?.message ?? answer.why ?? t('No account offers this model.')}<//><${Raw} answer=${answer} />`;
  }
  return html`<ol class="chain">${asked.map((one, at) => {
      const id = one.account ?? one.id;
      const fits = one.eligible ?? one.ready ?? !(one.why ?? one.reason ?? one.until);
      const why = one.why ?? one.reason ?? one.words;
      const until = one.until ?? one.state?.until;
      return html`<li key=${`${id}/${one.model}/${at}`}>
        <span class="step">${at + 1}</span>
        <div>
          <a href=${link('accounts', id)}>${one.label || id}</a> <span class="soft">${one.provider}${one.model ? ` · ${one.model}` : ''}</span>
          ${id === chosen && html` <${Badge} tone="good">${t('would answer')}<//>`} ${!fits && html` <${Badge} tone="warn">${t('not now')}<//>`}
          <p class="facts-line soft">${[one.tier !== undefined && t('tier {n}', { n: one.tier + 1 }), one.priority !== undefined && t('priority {n}', { n: one.priority }), one.weight !== undefined && t('weight {n}', { n: one.weight })].filter(Boolean).join(' · ')}</p>
          ${why && html`<p class="soft">${typeof why === 'string' ? why : JSON.stringify(why)} ${until && html`${t('until {time}', { time: clock(until) })} <${Countdown} until=${until} />`}</p>`}
        </div>
      </li>`;
    })}</ol>
    <${Raw} answer=${answer} />`;
}

const Raw = ({ answer }) => html`<div class="spaced"><${More} title=${t('As JSON')}><pre class="mono scroll">${JSON.stringify(answer, null, 2)}</pre><//></div>`;
