// One route as a form: its name, who is tried in which order, and what it says of parameters.

import { useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Dialog } from '../../parts/feedback.mjs';
import { namesOf } from '../../parts/models.mjs';
import { Button, Check, Choice, Notice, Text } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

/** A candidate may be written as a name alone. */
export const tiersOf = (route) => route.tiers.map((tier) => tier.map((one) => (typeof one === 'string' ? { model: one } : { ...one })));

/** The shortest way to write a candidate. */
const written = ({ model, weight, account }) => {
  const number = Number(weight || 1);
  return number === 1 && !account ? model : { model, ...(number === 1 ? {} : { weight: number }), ...(account ? { account } : {}) };
};

const EFFORT = 'reasoning_effort';
const PARAMETERS = ['temperature', 'top_p', 'top_k', 'max_tokens', 'seed', 'presence_penalty', 'frequency_penalty', EFFORT];
const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** `{ defaults: { top_k: 4 } }` as rows of a form, and back. */
const rowsOf = (route) => ['defaults', 'overrides'].flatMap((force) => Object.entries(route[force] ?? {}).map(([name, value]) => ({ force, name, value: String(value) })));
function parametersOf(rows) {
  const found = {};
  for (const { force, name, value } of rows) {
    if (value !== '') found[force] = { ...found[force], [name]: name === EFFORT ? value : Number(value) };
  }
  return found;
}

/** `list` with the item at `at` changed, or without it. */
const change = (list, at, more) => list.map((one, place) => (place === at ? { ...one, ...more } : one));
const without = (list, at) => list.filter((_, place) => place !== at);

export function Route({ editing, config, document, onClose }) {
  const { old, route } = editing;
  const [alias, setAlias] = useState(editing.alias);
  const [tiers, setTiers] = useState(() => tiersOf(route));
  const [strategy, setStrategy] = useState(route.strategy ?? '');
  const [sort, setSort] = useState(route.sort ?? '');
  const [rows, setRows] = useState(() => rowsOf(route));
  const [hedge, setHedge] = useState(route.hedge ?? false);
  const models = useResource('models');
  const save = async (event) => {
    event.preventDefault();
    const { [old]: _, ...others } = document.routes ?? {};
    const { defaults, overrides, ...rest } = route;
    const next = { ...rest, tiers: tiers.map((tier) => tier.map(written)), strategy: strategy || undefined, sort: sort || undefined, hedge: hedge || undefined, ...parametersOf(rows) };
    if (await config.store({ ...document, routes: { ...others, [alias.trim()]: next } })) onClose();
  };
  // What is wrong stands at its field; what has none stands above the button.
  const place = `routes.${alias.trim()}`;
  const fields = ['', '.strategy', '.sort', ...tiers.flatMap((tier, step) => tier.flatMap((_, at) => ['', '.model', '.account', '.weight'].map((name) => `.tiers[${step}][${at}]${name}`))), ...rows.map(({ force, name }) => `.${force}.${name}`)];
  const wrong = (field) => config.problems.find(({ path }) => path === place + field)?.message;
  const others = config.problems.filter(({ path }) => !fields.some((field) => path === place + field));
  return html`<${Dialog} wide title=${old ? t('Route {name}', { name: old }) : t('A new route')} onClose=${onClose}>
    <form class="stack" onSubmit=${save}>
      <${Text} label=${t('Name')} hint=${t('What clients ask for.')} required value=${alias} onInput=${setAlias} error=${wrong('')} />
      <datalist id="candidates">${namesOf(models.value).slice(0, 500).map((name) => html`<option value=${name} />`)}</datalist>
      <ol class="stack">${tiers.map((tier, step) => html`<${Tier} key=${step} step=${step} tier=${tier} wrong=${wrong} put=${(next) => setTiers(next.length > 0 ? tiers.map((one, at) => (at === step ? next : one)) : without(tiers, step))} />`)}</ol>
      <div><${Button} small onClick=${() => setTiers([...tiers, [{ model: '' }]])}>${t('+ when these fail')}<//></div>
      <div class="form">
        <${Choice} label=${t('Among equals')} value=${strategy} onInput=${setStrategy} options=${[['', t('by weight')], ['fill_first', t('fill one before the next')], ['least_used', t('the least used')]]} error=${wrong('.strategy')} />
        <${Choice} label=${t('Prefer')} value=${sort} onInput=${setSort} options=${[['', t('the order above')], ['price', t('the cheapest')], ['latency', t('the first to speak')], ['throughput', t('the fastest')]]} error=${wrong('.sort')} />
      </div>
      <${Check} label=${t('Ask a second account beside one that stays silent')} hint=${t('The first to speak answers; both may cost.')} checked=${hedge} onInput=${setHedge} />
      <${Parameters} rows=${rows} setRows=${setRows} wrong=${wrong} />
      ${config.problems.length > 0 &&
      html`<${Notice} tone="bad" title=${t('This cannot be stored.')}>
        ${others.length > 0 ? html`<ul>${others.map(({ path, message }) => html`<li><code>${path}</code> ${message}</li>`)}</ul>` : t('See the fields that are marked.')}
      <//>`}
      <footer class="actions"><${Button} kind="primary" type="submit">${t('Save')}<//></footer>
    </form>
  <//>`;
}

function Tier({ tier, step, put, wrong }) {
  const set = (at, name) => (value) => put(change(tier, at, { [name]: value }));
  return html`<li class="targets">
    <h3>${step === 0 ? t('First') : t('When these fail')}</h3>
    ${tier.map(({ model, account, weight }, at) => {
      const bad = (name) => wrong(`.tiers[${step}][${at}].${name}`);
      return html`<div class="target" key=${at}>
        <${Text} label=${t('Model, or provider/model')} required list="candidates" value=${model} onInput=${set(at, 'model')} error=${bad('model') ?? wrong(`.tiers[${step}][${at}]`)} />
        <${Text} label=${t('Account or group')} placeholder=${t('any')} value=${account} onInput=${set(at, 'account')} error=${bad('account')} />
        <${Text} label=${t('Weight')} type="number" min="1" placeholder="1" value=${weight} onInput=${set(at, 'weight')} error=${bad('weight')} />
        <${Button} kind="bare" label=${t('Remove')} onClick=${() => put(without(tier, at))}>×<//>
      </div>`;
    })}
    <div><${Button} small kind="bare" onClick=${() => put([...tier, { model: '' }])}>${t('+ beside it')}<//></div>
  </li>`;
}

function Parameters({ rows, setRows, wrong }) {
  const free = PARAMETERS.find((name) => !rows.some((row) => row.name === name));
  const set = (at, name) => (value) => setRows(change(rows, at, { [name]: value }));
  return html`${rows.length > 0 &&
    html`<div class="targets"><h3>${t('Parameters')}</h3>
      ${rows.map(({ force, name, value }, at) => {
        const shown = { label: t('Value'), value, onInput: set(at, 'value'), error: wrong(`.${force}.${name}`) };
        return html`<div class="target" key=${at}>
          <${Choice} label=${t('Parameter')} value=${name} onInput=${(next) => setRows(change(rows, at, { name: next, value: '' }))} options=${PARAMETERS.map((one) => [one, one])} />
          ${name === EFFORT ? html`<${Choice} ...${shown} options=${['', ...EFFORTS].map((one) => [one, one])} />` : html`<${Text} ...${shown} type="number" step="any" />`}
          <${Choice} label=${t('Holds')} value=${force} onInput=${set(at, 'force')} options=${[['defaults', t('unless the client says')], ['overrides', t('always')]]} />
          <${Button} kind="bare" label=${t('Remove')} onClick=${() => setRows(without(rows, at))}>×<//>
        </div>`;
      })}
    </div>`}
    ${free && html`<div><${Button} small onClick=${() => setRows([...rows, { force: 'defaults', name: free, value: '' }])}>${t('+ a parameter')}<//></div>`}`;
}
