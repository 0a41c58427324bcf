// The quota windows that a provider reports, as bars with the time they begin anew.

import { html } from '../../parts/html.mjs';
import { Countdown, clock } from '../../parts/time.mjs';
import { Meter } from '../../parts/ui.mjs';
import { compact, percent } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

export function Quotas({ quota, short }) {
  if (!quota || quota.length === 0) return null;
  const shown = short ? quota.slice(0, 3) : quota;
  return html`<div class="quotas">
    ${shown.map(({ name, used, limit, resets }) => {
      // Some providers only tell the share that is used.
      const share = limit ? used / limit : used;
      const counted = limit > 1;
      return html`<div key=${name}>
        <p>
          <span>${name} <span class="soft">${counted ? `${compact(used)} / ${compact(limit)}` : percent(share)}</span></span>
          ${resets && html`<span class="soft" title=${clock(resets)}><${Countdown} until=${resets} /></span>`}
        </p>
        <${Meter} share=${share} label=${t('{name}: {share} used', { name, share: percent(share) })} />
      </div>`;
    })}
  </div>`;
}
