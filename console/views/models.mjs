// What clients may ask for: models of the accounts, aliases with their chains, and why an account would be chosen.

import { html } from '../parts/html.mjs';
import { link } from '../parts/router.mjs';
import { Page } from '../parts/ui.mjs';
import { t } from '../strings.mjs';
import { Explain } from './models/explain.mjs';
import { Found } from './models/found.mjs';
import { Routes } from './models/routes.mjs';

const TABS = [['', 'Models'], ['routes', 'Routes'], ['explain', 'Explain']];

export default function Models({ rest, values }) {
  const tab = rest[0] ?? '';
  return html`<${Page} title=${t('Models')} lead=${t('Every client reaches every model. A route gives a name of your own to a chain of them.')}>
    <div class="tabs" role="navigation" aria-label=${t('Models')}>
      ${TABS.map(([name, title]) => html`<a href=${name ? link('models', name) : link('models')} aria-current=${name === tab ? 'page' : undefined}>${t(title)}</a>`)}
    </div>
    ${tab === 'routes' ? html`<${Routes} />` : tab === 'explain' ? html`<${Explain} model=${values.model} />` : html`<${Found} />`}
  <//>`;
}
