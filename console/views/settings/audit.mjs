// Who changed what.

import { get, query, useList } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { attempt } from '../../parts/feedback.mjs';
import { stamp } from '../../parts/time.mjs';
import { Button, Card, Empty, Loaded, MoreButton, Notice } from '../../parts/ui.mjs';
import { number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

export function Audit() {
  const list = useList('audit');
  const [verdict, setVerdict] = useState();
  const verify = () =>
    attempt(async () => {
      // A part at a time; each begins with the entry that the one before ended with.
      for (let after, checked = 0; after !== null; ) {
        const part = await get(`audit/verify${query({ after })}`);
        checked += part.checked - (after === undefined ? 0 : 1);
        after = part.ok ? part.next : null;
        setVerdict({ checked, broken: part.broken_at, done: after === null });
      }
    });
  return html`<${Card} flush title=${t('Audit log')} note=${t('each entry is chained to the one before')} actions=${html`<${Button} small onClick=${verify}>${t('Verify')}<//>`}>
      ${verdict && html`<div class="inset"><${Verdict} ...${verdict} /></div>`}
      <${Loaded} resource=${list} rows=${6}>
        ${() =>
          list.items.length === 0
            ? html`<${Empty} title=${t('Nothing was changed yet')}>${t('Every change made here or by a script is listed, with who made it.')}<//>`
            : html`<table class="data spaced">
                <thead><tr><th>${t('When')}</th><th>${t('Who')}</th><th>${t('What')}</th><th>${t('Of what')}</th></tr></thead>
                <tbody>${list.items.map((one) => html`<tr key=${one.seq}>
                  <td>${stamp(one.at)}</td><td data-label=${t('Who')}>${one.actor}</td><td data-label=${t('What')}><code>${one.action}</code></td><td data-label=${t('Of what')}>${one.subject || '–'}${one.detail && html` <span class="soft">${one.detail}</span>`}</td>
                </tr>`)}</tbody>
              </table>`}
      <//>
    <//>
    <${MoreButton} list=${list} />`;
}

function Verdict({ checked, broken, done }) {
  const n = number(checked);
  if (broken !== undefined) return html`<${Notice} tone="bad" title=${t('The log is not what was written.')}>${t('Entry {n} was altered, or what stood before it is missing.', { n: number(broken) })}<//>`;
  return html`<${Notice} tone=${done ? 'good' : 'plain'}>${done ? t('All {n} entries are as they were written.', { n }) : t('{n} entries checked…', { n })}<//>`;
}
