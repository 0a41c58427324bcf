// Which accounts would be asked now, in which order, and why not the others. Nobody is called.

import { api } from '../../api.mjs';
import { html, useEffect, useState } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { link } from '../../parts/router.mjs';
import { Countdown, clock } from '../../parts/time.mjs';
import { Button, Card, Choice, Empty, More, Notice, Text, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

/** Of those that are not asked. */
const SHOWN = 30;

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
      ${error && html`<${Notice} tone="bad">${wordsOf(error)}<//>`} ${answer && html`<${Answer} answer=${answer} />`}
      ${!answer && !error && html`<${Empty} title=${t('Ask, and nobody is called')}>${t('You see which accounts would be asked, in which order, and why the others would not.')}<//>`}
    <//>`;
}

function Answer({ answer }) {
  const { order, denial, accounts } = answer;
  const place = new Map(order.map(({ account, model }, at) => [`${account}/${model}`, at]));
  const others = accounts.filter(({ account, model }) => !place.has(`${account}/${model}`));
  const asked = order.map((one) => accounts.find(({ account, model }) => account === one.account && model === one.model) ?? one);
  return html`${asked.length === 0 && html`<${Notice} tone="warn" title=${t('Nobody would answer')}>${denied(denial)}<//>`}
    <ol class="chain">${asked.map((one, at) => html`<${Considered} key=${at} one=${one} step=${at + 1} first=${at === 0} />`)}</ol>
    ${others.length > 0 &&
    html`<h3 class="spaced">${t('The others')}</h3>
      <ol class="chain spaced">${others.slice(0, SHOWN).map((one) => html`<${Considered} one=${one} step="–" />`)}</ol>
      ${others.length > SHOWN && html`<p class="soft">${t('and {n} more', { n: others.length - SHOWN })}</p>`}`}
    <${Raw} answer=${answer} />`;
}

function denied(denial) {
  const rest = denial?.cooling ?? denial?.busy;
  if (!rest) return t('No account offers this model.');
  return html`${rest.why ?? t('All accounts have as many calls as they may.')} ${t('until {time}', { time: clock(rest.until) })} <${Countdown} until=${rest.until} />`;
}

function Considered({ one, step, first }) {
  const { account, label, provider, model, tier, priority, weight, state, words, broken } = one;
  const rest = state?.cooling ?? state?.probing;
  const facts = [tier !== undefined && t('tier {n}', { n: tier + 1 }), priority !== undefined && t('priority {n}', { n: priority }), weight !== undefined && t('weight {n}', { n: weight })];
  return html`<li>
    <span class="step">${step}</span>
    <div>
      <a href=${link('accounts', account)}>${label || account}</a> <span class="soft">${provider} · ${model}</span> ${first && html`<${Badge} tone="good">${t('would answer')}<//>`}
      <p class="soft">${facts.filter(Boolean).join(' · ')}</p>
      ${rest ? html`<p class="soft">${rest.why} ${t('until {time}', { time: clock(rest.until) })} <${Countdown} until=${rest.until} /></p>` : step === '–' && html`<p class="soft">${words}</p>`}
      ${broken && html`<p class="soft">${t('Its provider fails nearly always now; others go first.')}</p>`}
    </div>
  </li>`;
}

const Raw = ({ answer }) => html`<div class="spaced"><${More} title=${t('As JSON')}><pre class="mono scroll">${JSON.stringify(answer, null, 2)}</pre><//></div>`;
