// Requests as a table, newest first.

import { html } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { link } from '../../parts/router.mjs';
import { clock } from '../../parts/time.mjs';
import { compact, money, ms } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { failed, listOf, tokensOf } from './row.mjs';

/** A row without a status is under way. */
export function Rows({ items }) {
  return html`<table class="data">
    <thead><tr><th>${t('When')}</th><th>${t('Model')}</th><th>${t('Token')}</th><th>${t('Account')}</th><th class="right">${t('Tokens used')}</th><th class="right">${t('Cost')}</th><th class="right">${t('First words')}</th><th>${t('Outcome')}</th></tr></thead>
    <tbody>${items.map((row) => {
      const { id, at, model, token, token_name: tokenName, account, account_label: label, cost, first_ms: first, status, attempts, message } = row;
      const tries = listOf(attempts).length;
      const over = status !== undefined;
      return html`<tr key=${id}>
        <td>${over && !message ? html`<a href=${link('requests', id)}>${clock(at)}</a>` : clock(at)}</td>
        <td data-label=${t('Model')}><code>${model}</code></td>
        <td data-label=${t('Token')}>${tokenName || token || (token === null ? '–' : t('operator'))}</td>
        <td data-label=${t('Account')}>${label || account || '–'}${tries > 1 && html` <span class="tag">${t('{n} tries', { n: tries })}</span>`}</td>
        <td class="right" data-label=${t('Tokens used')}>${over ? compact(tokensOf(row)) : '…'}</td>
        <td class="right" data-label=${t('Cost')}>${over ? money(cost) : '…'}</td>
        <td class="right" data-label=${t('First words')}>${over ? ms(first) : '…'}</td>
        <td data-label=${t('Outcome')}><${Badge} tone=${over ? (failed(row) ? 'bad' : 'good') : 'off'}>${over ? status || '–' : t('under way')}<//>${message && html`<span class="why">${message}</span>`}</td>
      </tr>`;
    })}</tbody>
  </table>`;
}
