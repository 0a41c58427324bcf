// One token: what it used, what it may, its key.

import { api, refresh, useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Dialog, attempt, say } from '../../parts/feedback.mjs';
import { go } from '../../parts/router.mjs';
import { Ago, Countdown, stamp } from '../../parts/time.mjs';
import { Button, Card, Choice, Empty, Loaded, Page, wordsOf } from '../../parts/ui.mjs';
import { compact, money, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { Budget, TokenState } from './budget.mjs';
import { Key } from './create.mjs';
import { Terms, draftOf, termsOf } from './terms.mjs';

export default function Token({ id }) {
  const path = `tokens/${encodeURIComponent(id)}`;
  const resource = useResource(path, { every: 30_000 });
  const [rotating, setRotating] = useState(false);
  const token = resource.value;
  const back = { href: '#/tokens', label: t('Tokens') };
  if (resource.error?.status === 404 && !token) {
    return html`<${Page} title=${id} back=${back}><${Empty} title=${t('There is no such token')}>${t('It may have been deleted.')}<//><//>`;
  }
  const toggle = () => attempt(() => api('PATCH', path, { enabled: !token.enabled }), token.enabled ? t('It is refused from now on.') : t('It may call again.')).then(resource.reload);
  const remove = async () => {
    const { ok, value } = await attempt(() => api('DELETE', path));
    if (!ok) return;
    const undo = value?.undo ? { action: { label: t('Undo'), run: () => attempt(() => api('POST', `undo/${encodeURIComponent(value.undo)}`), t('It is back.')).then(refresh) } } : {};
    say(t('{name} is deleted.', { name: token.name || id }), undo);
    go('tokens');
  };
  return html`<${Page} title=${token?.name || id} lead=${token && html`<code>${token.hint}</code>`} back=${back}
    actions=${token &&
    html`<${Button} small onClick=${() => setRotating(true)}>${t('New key…')}<//>
      <${Button} small onClick=${toggle}>${token.enabled ? t('Disable') : t('Enable')}<//>
      <${Button} small kind="danger" onClick=${remove}>${t('Delete')}<//>`}>
    <${Loaded} resource=${resource} rows=${8}>
      ${(one) => html`<div class="stack">
        <${State} token=${one} />
        <${Change} key=${one.revision} token=${one} path=${path} onSaved=${resource.reload} />
      </div>`}
    <//>
    ${rotating && html`<${Rotate} path=${path} onClose=${() => (setRotating(false), resource.reload())} />`}
  <//>`;
}

function State({ token }) {
  const { used = {}, previous_until: previous = [], created, expires, calls } = token;
  return html`<${Card} title=${t('State')} actions=${html`<a href=${`#/requests?token=${encodeURIComponent(token.id)}`}>${t('Its requests')}</a>`}>
    <${TokenState} state=${token.state} />
    <${Budget} token=${token} />
    <dl class="facts-list spaced">
      <div><dt>${t('Requests')}</dt><dd>${number(used.requests ?? 0)}</dd></div>
      <div><dt>${t('Tokens used')}</dt><dd>${compact(used.tokens ?? 0)}</dd></div>
      <div><dt>${t('Spend')}</dt><dd>${money(used.micro ?? 0)}</dd></div>
      <div><dt>${t('Under way')}</dt><dd>${calls ?? 0}</dd></div>
      ${used.seen > 0 && html`<div><dt>${t('Last call')}</dt><dd><${Ago} at=${used.seen} /></dd></div>`}
      ${created && html`<div><dt>${t('Created')}</dt><dd><${Ago} at=${created} /></dd></div>`}
      ${expires && html`<div><dt>${t('Good until')}</dt><dd>${stamp(expires)}</dd></div>`}
      ${previous.map((until) => html`<div><dt>${t('The key before works for')}</dt><dd><${Countdown} until=${until} /></dd></div>`)}
    </dl>
  <//>`;
}

function Change({ token, path, onSaved }) {
  const [draft, setDraft] = useState(() => draftOf(token));
  const [error, setError] = useState();
  const put = (name) => (value) => setDraft((old) => ({ ...old, [name]: value }));
  const save = async (event) => {
    event.preventDefault();
    setError(undefined);
    const { ok, error: problem } = await attempt(() => api('PATCH', path, termsOf(draft)), t('Saved.'));
    if (ok) onSaved();
    else setError(problem);
  };
  return html`<${Card} title=${t('What it may do')}>
    <form class="form" onSubmit=${save}>
      <${Terms} draft=${draft} put=${put} error=${error} open />
      ${error && !error.field && html`<p class="error">${wordsOf(error)}</p>`}
      <footer><${Button} kind="primary" type="submit">${t('Save')}<//></footer>
    </form>
  <//>`;
}

function Rotate({ path, onClose }) {
  const [hours, setHours] = useState('24');
  const [key, setKey] = useState();
  const rotate = async (event) => {
    event.preventDefault();
    const { ok, value } = await attempt(() => api('POST', `${path}/rotate`, { keep_hours: Number(hours) }));
    if (ok) setKey(value.key);
  };
  if (key) {
    return html`<${Dialog} title=${t('The new key')} onClose=${onClose} locked><${Key} value=${key} /><footer><${Button} kind="primary" onClick=${onClose}>${t('I have kept it')}<//></footer><//>`;
  }
  return html`<${Dialog} title=${t('A new key for this token')} onClose=${onClose}>
    <form class="form" onSubmit=${rotate}>
      <${Choice} label=${t('The key it has works for')} value=${hours} onInput=${setHours} options=${[['0', t('no longer')], ['1', t('1 hour')], ['24', t('1 day')], ['168', t('{n} days', { n: 7 })]]} />
      <footer><${Button} kind="primary" type="submit">${t('Make a new key')}<//></footer>
    </form>
  <//>`;
}
