// What holds for all: rules, filters, prices, how long things are kept, backups, and who changed what.

import { html } from '../parts/html.mjs';
import { link } from '../parts/router.mjs';
import { Page } from '../parts/ui.mjs';
import { t } from '../strings.mjs';
import { About } from './settings/about.mjs';
import { Audit } from './settings/audit.mjs';
import { Backup } from './settings/backup.mjs';
import { Prices } from './settings/prices.mjs';
import { Retention } from './settings/retention.mjs';
import { Section } from './settings/section.mjs';

const TABS = [['', 'Prompt rules'], ['filters', 'Filters'], ['prices', 'Prices'], ['storage', 'Retention'], ['backup', 'Backup'], ['audit', 'Audit log'], ['about', 'About']];

const EXAMPLES = {
  rules: [{ name: 'short', when: { models: ['*'] }, system: [{ append: 'Answer in one paragraph.' }], defaults: { temperature: 0.3 } }],
  filters: [{ name: 'addresses', find: { personal: ['email'] }, action: 'mask' }],
};

export default function Settings({ rest, session }) {
  const tab = rest[0] ?? '';
  return html`<${Page} title=${t('Settings')}>
    <div class="tabs" role="navigation" aria-label=${t('Settings')}>
      ${TABS.map(([name, title]) => html`<a href=${name ? link('settings', name) : link('settings')} aria-current=${name === tab ? 'page' : undefined}>${t(title)}</a>`)}
    </div>
    ${tab === 'filters'
      ? html`<${Section} key="filters" part="filters" tries title=${t('Filters')} example=${EXAMPLES.filters} empty=${[]} lead=${t('Words, patterns and personal data: flagged, refused, or replaced on the way out and put back on the way in.')} />`
      : tab === 'prices'
        ? html`<${Prices} />`
        : tab === 'storage'
          ? html`<${Retention} />`
          : tab === 'backup'
            ? html`<${Backup} />`
            : tab === 'audit'
              ? html`<${Audit} />`
              : tab === 'about'
                ? html`<${About} session=${session} />`
                : html`<${Section} key="rules" part="rules" tries title=${t('Prompt rules')} example=${EXAMPLES.rules} empty=${[]} lead=${t('What is put before, behind or in place of a prompt’s system text, for which models and tokens.')} />`}
  <//>`;
}
