// Aliases and their chains, as a form and as JSON.

import { api, useResource } from '../../api.mjs';
import { html, useEffect, useState } from '../../parts/html.mjs';
import { useConfig } from '../../parts/config.mjs';
import { Editor, parse } from '../../parts/editor.mjs';
import { say } from '../../parts/feedback.mjs';
import { Ago } from '../../parts/time.mjs';
import { Button, Card, Empty, Loaded, More, Segments } from '../../parts/ui.mjs';
import { link } from '../../parts/router.mjs';
import { t } from '../../strings.mjs';
import { Route, tiersOf } from './route.mjs';

export function Routes() {
  const config = useConfig();
  const [mode, setMode] = useState('form');
  const change = (next) => (config.setProblems([]), setMode(next));
  return html`<${Loaded} resource=${config.resource} rows=${6}>
    ${({ revision, document }) => html`<div class="stack">
      <div class="actions">
        <${Segments} label=${t('Edit as')} value=${mode} onInput=${change} options=${[['form', t('Form')], ['json', 'JSON']]} />
        <${Button} onClick=${config.undo}>${t('Undo the last change')}<//>
        <span class="soft">${t('revision {n}', { n: revision })}</span>
      </div>
      ${mode === 'form' ? html`<${Forms} key=${revision} config=${config} document=${document} />` : html`<${Json} key=${revision} config=${config} document=${document} />`}
      <${History} revision=${revision} />
    </div>`}
  <//>`;
}

function Forms({ config, document }) {
  const routes = Object.entries(document.routes ?? {});
  const [editing, setEditing] = useState();
  const remove = async (alias) => {
    const { [alias]: _, ...rest } = document.routes;
    await config.store({ ...document, routes: rest });
  };
  return html`<${Card} flush title=${t('Routes')} actions=${html`<${Button} small kind="primary" onClick=${() => setEditing({ alias: '', route: { tiers: [[{ model: '' }]] } })}>${t('Add a route')}<//>`}>
    ${routes.length === 0
      ? html`<${Empty} title=${t('No routes yet')}>${t('A route such as “fast” tries its first line of models, then the next. Without routes clients use the models’ own names.')}<//>`
      : html`<ul class="rows">${routes.map(
          ([alias, route]) => html`<li key=${alias} class="row pair">
            <div><div class="title"><code><strong>${alias}</strong></code></div>
              <ol class="facts">${tiersOf(route).map((tier, at) => html`<li>${at > 0 && '→ '}${tier.map(words).join(' | ')}</li>`)}</ol>
            </div>
            <div class="actions">
              <a class="button small" href=${`${link('models', 'explain')}?model=${encodeURIComponent(alias)}`}>${t('Explain')}</a>
              <${Button} small onClick=${() => setEditing({ alias, route, old: alias })}>${t('Edit')}<//>
              <${Button} small kind="danger" label=${t('Delete {name}', { name: alias })} onClick=${() => remove(alias)}>${t('Delete')}<//>
            </div>
          </li>`,
        )}</ul>`}
    ${editing && html`<${Route} editing=${editing} config=${config} document=${document} onClose=${() => (config.setProblems([]), setEditing(undefined))} />`}
  <//>`;
}

const words = ({ model, weight, account }) => `${model}${weight > 1 ? ` ×${weight}` : ''}${account ? ` @${account}` : ''}`;

function Json({ config, document }) {
  const [text, setText] = useState(() => JSON.stringify(document, null, 2));
  const parsed = parse(text);
  const problems = parsed.problem ? [parsed.problem] : config.problems;
  const input = (next) => (config.problems.length > 0 && config.setProblems([]), setText(next));
  const check = async () => {
    config.setProblems([]);
    try {
      const answer = await api('POST', 'config/validate', parsed.value);
      const found = answer?.problems ?? [];
      config.setProblems(found);
      if (found.length === 0) say(t('Nothing is wrong with it.'));
    } catch (error) {
      config.setProblems(error.problems.length > 0 ? error.problems : [{ path: error.field ?? '', message: error.message }]);
    }
  };
  return html`<${Card} title=${t('The whole configuration')} actions=${html`<a href="/admin/api/config/schema" target="_blank">${t('Schema')}</a>`}>
    <div class="stack">
      <${Editor} label=${t('The whole configuration')} text=${text} onInput=${input} problems=${problems} rows=${16} />
      <div class="actions">
        <${Button} kind="primary" disabled=${parsed.problem !== undefined} onClick=${() => config.store(parsed.value)}>${t('Save')}<//>
        <${Button} disabled=${parsed.problem !== undefined} onClick=${check}>${t('Check')}<//>
      </div>
    </div>
  <//>`;
}

function History({ revision }) {
  const [open, setOpen] = useState(false);
  const history = useResource(open ? 'config/history' : undefined);
  useEffect(() => {
    if (open) history.reload();
  }, [revision]);
  return html`<details class="more" onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>${t('Earlier versions')}</summary>
    <div>${open && html`<${Loaded} resource=${history}>
      ${(value) => {
        const { items } = value;
        return items.length === 0
          ? html`<p class="soft">${t('None yet.')}</p>`
          : html`<ul class="stack">${items.slice(0, 20).map((one) => html`<li>${t('revision {n}', { n: one.revision })} <span class="soft"><${Ago} at=${one.until} /> · ${one.actor}</span>
              <${More} title=${t('Show')}><pre class="mono scroll">${JSON.stringify(one.document, null, 2)}</pre><//></li>`)}</ul>`;
      }}
    <//>`}</div>
  </details>`;
}
