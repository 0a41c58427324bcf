// A token's state, and the bars of its budget.

import { html } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { Countdown, clock } from '../../parts/time.mjs';
import { Meter } from '../../parts/ui.mjs';
import { compact, money } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

const STATES = { active: ['good', 'active'], disabled: ['off', 'disabled'], expired: ['bad', 'expired'], exhausted: ['warn', 'budget used up'] };

export function TokenState({ state }) {
  const [tone, word] = STATES[state] ?? ['off', state];
  return html`<${Badge} tone=${tone}>${t(word)}<//>`;
}

export const WINDOWS = [['month', 'a month'], ['week', 'a week'], ['day', 'a day'], ['5h', 'five hours'], ['total', 'in total']];

export function Budget({ token }) {
  const { budget, used = {}, resets } = token;
  if (!budget) return html`<p class="soft">${t('{sum} so far, no budget', { sum: money(used.micro ?? 0) })}</p>`;
  const window = t(WINDOWS.find(([name]) => name === budget.window)?.[1] ?? budget.window ?? '');
  const bars = [];
  if (budget.micro !== undefined) bars.push([money(used.micro ?? 0), money(budget.micro), (used.micro ?? 0) / (budget.micro || 1)]);
  if (budget.tokens !== undefined) bars.push([compact(used.tokens ?? 0), t('{n} tokens', { n: compact(budget.tokens) }), (used.tokens ?? 0) / (budget.tokens || 1)]);
  return html`<div class="quotas">
    ${bars.map(([spent, all, share], at) => html`<div key=${at}>
      <p><span>${spent} <span class="soft">/ ${all} ${window}</span></span>${at === 0 && resets && html`<span class="soft" title=${clock(resets)}><${Countdown} until=${resets} /></span>`}</p>
      <${Meter} share=${share} label=${t('Budget')} />
    </div>`)}
  </div>`;
}
