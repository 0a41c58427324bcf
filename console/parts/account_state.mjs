// How an account stands, in words and as a gate.

import { html } from './html.mjs';
import { Countdown, clock, span, useNow } from './time.mjs';
import { link } from './router.mjs';
import { t } from '../strings.mjs';

const WORDS = { ready: 'ready', cooling: 'cooling', probing: 'probing', off: 'paused', sign_in: 'sign in again', locked: 'locked' };
const TONES = { ready: 'good', cooling: 'warn', probing: 'warn', off: 'off', sign_in: 'bad', locked: 'bad' };

export const toneOf = (state) => (state.name === 'ready' && state.models?.length > 0 ? 'part' : TONES[state.name] ?? 'off');

export const Badge = ({ tone, children }) => html`<span class=${`badge ${tone}`}><i aria-hidden="true" />${children}</span>`;

export function StateBadge({ state }) {
  const word = toneOf(state) === 'part' ? t('ready in part') : t(WORDS[state.name] ?? state.name);
  return html`<${Badge} tone=${toneOf(state)}>${word}<//>`;
}

/** `cooling until 14:05:12 (3:20): 429, the provider said 3 m 20 s` */
export function StateWords({ state, onEnd, short }) {
  const lines = [];
  if (state.name === 'cooling' || state.name === 'probing') {
    lines.push(html`<${Until} key="all" label=${t(WORDS[state.name])} until=${state.until} why=${reason(state)} onEnd=${onEnd} />`);
  } else if (state.name === 'off') {
    lines.push(html`<p>${t('Paused by you: it is not asked.')}</p>`);
  } else if (state.why) {
    lines.push(html`<p>${reason(state)}</p>`);
  }
  const models = state.models ?? [];
  for (const one of short ? models.slice(0, 2) : models) {
    const { model, until } = one;
    // Without an end it rests no more: the next call finds out.
    lines.push(html`<${Until} key=${model} label=${until ? t('cooling for {model}', { model }) : model} until=${until} why=${reason(one)} onEnd=${onEnd} />`);
  }
  if (short && models.length > 2) lines.push(html`<p class="soft">${t('and {n} models more', { n: models.length - 2 })}</p>`);
  return lines.length > 0 ? html`<div class="state-words">${lines}</div>` : null;
}

const CAUSES = {
  rate_limited: 'rate limited (429)',
  quota: 'quota used up',
  overloaded: 'provider overloaded',
  transport: 'provider unreachable',
  malformed: 'answers not understood',
  suspended: 'account may not do this',
  unauthorized: 'credential not accepted',
  model_missing: 'model not available',
  operator: 'put to rest by you',
};

/** Why it rests, and how long it is known for; `why` is the API's own words. */
function reason({ cause, said_ms: said, strikes, until, why }) {
  if (cause === undefined) return why;
  const words = [t(CAUSES[cause] ?? cause)];
  if (said !== undefined) words.push(t('the provider said {time}', { time: span(said) }));
  else if (strikes > 1) words.push(t('{n} times in a row', { n: strikes }));
  if (!until) words.push(t('the next call finds out'));
  return words.join(', ');
}

function Until({ label, until, why, onEnd }) {
  return html`<p>
    ${label} ${until && html`<span>${t('until {time}', { time: clock(until) })} <${Countdown} until=${until} onEnd=${onEnd} /></span>`}
    ${why && html`<span class="why">${why}</span>`}
  </p>`;
}

/** Every account is a gate: open, closed for a while, shut by you, or stuck. */
export function Gates({ accounts }) {
  const now = useNow();
  return html`<ul class="gates">
    ${accounts.map(({ id, label, provider, state }) => {
      const rest = state.until ? Math.max(0, state.until - now) : 0;
      const word = t(WORDS[state.name] ?? state.name);
      return html`<li key=${id}>
        <a class=${`gate ${toneOf(state)}`} href=${link('accounts', id)} title=${`${label || id} · ${provider} · ${word}${rest > 0 ? ` · ${clock(state.until)}` : ''}`}>
          <span class="hidden">${label || id}: ${word}</span><i /><b />
        </a>
      </li>`;
    })}
  </ul>`;
}
