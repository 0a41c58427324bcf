// Aliases and their chains, as a form and as JSON.

import { api, useResource } from '../../api.mjs';
import { html, useEffect, useState } from '../../parts/html.mjs';
import { useConfig } from '../../parts/config.mjs';
import { Editor, parse } from '../../parts/editor.mjs';
import { Dialog, say } from '../../parts/feedback.mjs';
import { Ago } from '../../parts/time.mjs';
import { Button, Card, Choice, Empty, Loaded, More, Notice, Segments, Text } from '../../parts/ui.mjs';
import { link } from '../../parts/router.mjs';
import { namesOf } from '../../parts/models.mjs';
import { t } from '../../strings.mjs';

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
  return html`<${Card} flush title=${t('Routes')} actions=${html`<${Button} small kind="primary" onClick=${() => setEditing({ alias: '', route: { tiers: [['']] } })}>${t('Add a route')}<//>`}>
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

/** A candidate may be written as a name alone. */
const tiersOf = (route) => route.tiers.map((tier) => tier.map((one) => (typeof one === 'string' ? { model: one } : { ...one })));

const words = ({ model, weight, account }) => `${model}${weight > 1 ? ` ×${weight}` : ''}${account ? ` @${account}` : ''}`;

/** The shortest way to write a candidate. */
const written = ({ model, weight, account }) => {
  const number = Number(weight || 1);
  return number === 1 && !account ? model : { model, ...(number === 1 ? {} : { weight: number }), ...(account ? { account } : {}) };
};

function Route({ editing, config, document, onClose }) {
  const [alias, setAlias] = useState(editing.alias);
  const [tiers, setTiers] = useState(() => tiersOf(editing.route));
  const [strategy, setStrategy] = useState(editing.route.strategy ?? '');
  const [sort, setSort] = useState(editing.route.sort ?? '');
  const models = useResource('models');
  const set = (tier, at, change) => setTiers((old) => old.map((one, place) => (place === tier ? one.map((goal, index) => (index === at ? { ...goal, ...change } : goal)) : one)));
  const drop = (tier, at) => setTiers((old) => old.map((one, place) => (place === tier ? one.filter((_, index) => index !== at) : one)).filter((one) => one.length > 0));
  const add = (tier) => setTiers((old) => old.map((one, place) => (place === tier ? [...one, { model: '' }] : one)));
  const save = async (event) => {
    event.preventDefault();
    const { [editing.old]: _, ...others } = document.routes ?? {};
    const route = { tiers: tiers.map((tier) => tier.map(written)), ...(strategy ? { strategy } : {}), ...(sort ? { sort } : {}) };
    if (await config.store({ ...document, routes: { ...others, [alias.trim()]: route } })) onClose();
  };
  return html`<${Dialog} wide title=${editing.old ? t('Route {name}', { name: editing.old }) : t('A new route')} onClose=${onClose}>
    <form class="stack" onSubmit=${save}>
      <${Text} label=${t('Name')} hint=${t('What clients ask for.')} required value=${alias} onInput=${setAlias} />
      <datalist id="candidates">${namesOf(models.value).slice(0, 500).map((name) => html`<option value=${name} />`)}</datalist>
      <ol class="stack">${tiers.map(
        (tier, place) => html`<li class="targets">
          <h3>${place === 0 ? t('First') : t('When these fail')}</h3>
          ${tier.map(
            (goal, at) => html`<div class="target">
              <${Text} label=${t('Model, or provider/model')} required list="candidates" value=${goal.model} onInput=${(model) => set(place, at, { model })} />
              <${Text} label=${t('Account or group')} placeholder=${t('any')} value=${goal.account} onInput=${(account) => set(place, at, { account })} />
              <${Text} label=${t('Weight')} type="number" min="1" placeholder="1" value=${goal.weight} onInput=${(weight) => set(place, at, { weight })} />
              <${Button} kind="bare" label=${t('Remove')} onClick=${() => drop(place, at)}>×<//>
            </div>`,
          )}
          <div><${Button} small kind="bare" onClick=${() => add(place)}>${t('+ beside it')}<//></div>
        </li>`,
      )}</ol>
      <div><${Button} small onClick=${() => setTiers((old) => [...old, [{ model: '' }]])}>${t('+ when these fail')}<//></div>
      <div class="form">
        <${Choice} label=${t('Among equals')} value=${strategy} onInput=${setStrategy} options=${[['', t('by weight')], ['fill_first', t('fill one before the next')], ['least_used', t('the least used')]]} />
        <${Choice} label=${t('Prefer')} value=${sort} onInput=${setSort} options=${[['', t('the order above')], ['price', t('the cheapest')], ['latency', t('the first to speak')], ['throughput', t('the fastest')]]} />
      </div>
      ${config.problems.length > 0 && html`<${Notice} tone="bad" title=${t('This cannot be stored.')}><ul>${config.problems.map(({ path, message }) => html`<li><code>${path}</code> ${message}</li>`)}</ul><//>`}
      <footer class="actions"><${Button} kind="primary" type="submit">${t('Save')}<//></footer>
    </form>
  <//>`;
}

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
