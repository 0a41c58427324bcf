// What can be done with one account, wherever it is shown.

import { api, refresh } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Dialog, attempt, say } from '../../parts/feedback.mjs';
import { go, link } from '../../parts/router.mjs';
import { Button, Choice, Text } from '../../parts/ui.mjs';
import { ms } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

const path = (id, verb) => `accounts/${encodeURIComponent(id)}${verb ? `/${verb}` : ''}`;

export function Actions({ account, reload, small, onGone }) {
  const [cooling, setCooling] = useState(false);
  const { id, state, source, kind, provider, enabled } = account;
  const stored = source === 'stored';
  const act = (verb, body, words) => attempt(() => api('POST', path(id, verb), body), words).then(reload);
  const test = async () => {
    const { ok, value } = await attempt(() => api('POST', path(id, 'test'), {}));
    if (ok) {
      const good = value?.ok ?? value?.error === undefined;
      const took = value?.ms ?? value?.ttft ?? value?.duration_ms;
      say(good ? t('{name} answers{took}.', { name: account.label || id, took: took === undefined ? '' : ` (${ms(took)})` }) : t('{name} does not answer: {why}', { name: account.label || id, why: value.error?.message ?? value.error ?? value.message ?? '' }), { tone: good ? 'plain' : 'bad', stay: 8000 });
    }
    reload();
  };
  const pause = () => attempt(() => api('PATCH', path(id), { enabled: !enabled }), enabled ? t('Paused.') : t('Resumed.')).then(reload);
  const remove = async () => {
    const { ok, value } = await attempt(() => api('DELETE', path(id)));
    if (!ok) return;
    const undo = () => attempt(() => api('POST', `undo/${encodeURIComponent(value?.undo ?? id)}`), t('It is back.')).then(refresh);
    say(t('{name} is deleted.', { name: account.label || id }), { action: { label: t('Undo'), run: undo } });
    if (onGone) onGone();
    else reload();
  };
  const rests = state.name === 'cooling' || state.name === 'probing' || state.models?.length > 0;
  return html`<div class="actions">
    ${state.name === 'sign_in' && kind === 'oauth' && html`<a class="button primary small" href=${`${link('accounts', 'add', 'login')}?provider=${encodeURIComponent(provider)}&account=${encodeURIComponent(id)}`}>${t('Sign in again')}</a>`}
    ${rests
      ? html`<${Button} small onClick=${() => act('reset', {}, t('The cooldown is over.'))}>${t('End cooldown')}<//>`
      : !small && html`<${Button} small onClick=${() => setCooling(true)} disabled=${!enabled}>${t('Cool down…')}<//>`}
    <${Button} small onClick=${test}>${t('Test')}<//>
    ${stored && html`<${Button} small onClick=${pause}>${enabled ? t('Pause') : t('Resume')}<//>`}
    ${!small && kind === 'oauth' && stored && html`<${Button} small onClick=${() => act('refresh', {}, t('Refreshed.'))}>${t('Refresh now')}<//>`}
    ${!small && stored && html`<${Button} small kind="danger" onClick=${remove}>${t('Delete')}<//>`}
    ${cooling && html`<${Cool} account=${account} onClose=${() => setCooling(false)} onDone=${() => (setCooling(false), reload())} />`}
  </div>`;
}

function Cool({ account, onClose, onDone }) {
  const [seconds, setSeconds] = useState('300');
  const [model, setModel] = useState('');
  const cool = async (event) => {
    event.preventDefault();
    const body = { seconds: Number(seconds), ...(model.trim() ? { model: model.trim() } : {}) };
    const { ok } = await attempt(() => api('POST', path(account.id, 'cool'), body));
    if (ok) onDone();
  };
  return html`<${Dialog} title=${t('Cool down {name}', { name: account.label || account.id })} onClose=${onClose}>
    <p class="soft">${t('It is not asked until then. Calls under way go on.')}</p>
    <form class="form" onSubmit=${cool}>
      <${Choice}
        label=${t('For how long')}
        value=${seconds}
        onInput=${setSeconds}
        options=${[['5', t('{n} seconds', { n: 5 })], ['60', t('1 minute')], ['300', t('{n} minutes', { n: 5 })], ['3600', t('1 hour')], ['18000', t('{n} hours', { n: 5 })], ['86400', t('1 day')], ['604800', t('{n} days', { n: 7 })]]}
      />
      <${Text} label=${t('Only for this model')} hint=${t('Empty: for all of them.')} value=${model} onInput=${setModel} />
      <footer><${Button} kind="primary" type="submit">${t('Cool down')}<//></footer>
    </form>
  <//>`;
}

export const gone = () => go('accounts');
