// Who may call: tokens, what they may use, and what is left of their budgets.

import { api, useList } from '../api.mjs';
import { html, useState } from '../parts/html.mjs';
import { attempt } from '../parts/feedback.mjs';
import { link } from '../parts/router.mjs';
import { Button, Card, Empty, Loaded, MoreButton, Page } from '../parts/ui.mjs';
import { Ago } from '../parts/time.mjs';
import { number } from '../parts/format.mjs';
import { t } from '../strings.mjs';
import { Budget, TokenState } from './tokens/budget.mjs';
import { Create } from './tokens/create.mjs';
import Token from './tokens/token.mjs';

export default function Tokens({ rest }) {
  return rest[0] === undefined ? html`<${List} />` : html`<${Token} id=${rest[0]} />`;
}

function List() {
  const list = useList('tokens', { every: 30_000 });
  const [creating, setCreating] = useState(false);
  return html`<${Page}
    title=${t('Tokens')}
    lead=${t('One for each client, project or person: with its own limits, budget and history.')}
    actions=${html`<${Button} kind="primary" onClick=${() => setCreating(true)}>${t('Create a token')}<//>`}
  >
    <${Card} flush>
      <${Loaded} resource=${list} rows=${5}>
        ${() =>
          list.items.length === 0
            ? html`<${Empty} title=${t('No tokens yet')} action=${html`<${Button} kind="primary" onClick=${() => setCreating(true)}>${t('Create a token')}<//>`}>
                ${t('Until there is one, only SLUICE_API_KEY is let in. A token may be limited, and revoked without changing the others.')}
              <//>`
            : html`<ul class="rows">${list.items.map((token) => html`<${Row} key=${token.id} token=${token} reload=${list.reload} />`)}</ul>`}
      <//>
    <//>
    <${MoreButton} list=${list} />
    ${creating && html`<${Create} onClose=${() => (setCreating(false), list.reload())} />`}
  <//>`;
}

function Row({ token, reload }) {
  const { id, name, project, hint, models = [], used = {}, enabled } = token;
  const toggle = () => attempt(() => api('PATCH', `tokens/${encodeURIComponent(id)}`, { enabled: !enabled }), enabled ? t('It is refused from now on.') : t('It may call again.')).then(reload);
  return html`<li class="row">
    <div>
      <div class="title"><a href=${link('tokens', id)}>${name || id}</a><${TokenState} state=${token.state} /></div>
      <div class="facts"><code>${hint}</code>${project && html`<span>${project}</span>`}<span>${models.length > 0 ? models.join(', ') : t('all models')}</span></div>
    </div>
    <div>
      <${Budget} token=${token} />
      <p class="facts"><span>${t('{n} requests', { n: number(used.requests ?? 0) })}</span>${used.seen > 0 && html`<span>${t('last')} <${Ago} at=${used.seen} /></span>`}</p>
    </div>
    <div class="actions"><${Button} small onClick=${toggle}>${enabled ? t('Disable') : t('Enable')}<//></div>
  </li>`;
}
