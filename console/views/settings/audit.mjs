// Who changed what.

import { useList } from '../../api.mjs';
import { html } from '../../parts/html.mjs';
import { stamp } from '../../parts/time.mjs';
import { Card, Empty, Loaded, MoreButton } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

export function Audit() {
  const list = useList('audit');
  return html`<${Card} flush title=${t('Audit log')} note=${t('each entry is chained to the one before')}>
      <${Loaded} resource=${list} rows=${6}>
        ${() =>
          list.items.length === 0
            ? html`<${Empty} title=${t('Nothing was changed yet')}>${t('Every change made here or by a script is listed, with who made it.')}<//>`
            : html`<table class="data spaced">
                <thead><tr><th>${t('When')}</th><th>${t('Who')}</th><th>${t('What')}</th><th>${t('Of what')}</th></tr></thead>
                <tbody>${list.items.map((one) => html`<tr key=${one.seq}>
                  <td>${stamp(one.at)}</td><td data-label=${t('Who')}>${one.actor}</td><td data-label=${t('What')}><code>${one.action}</code></td><td data-label=${t('Of what')}>${one.subject ?? '–'}</td>
                </tr>`)}</tbody>
              </table>`}
      <//>
    <//>
    <${MoreButton} list=${list} />`;
}
