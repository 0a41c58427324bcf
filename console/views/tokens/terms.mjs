// What a token may do, as a form.

import { html } from '../../parts/html.mjs';
import { Area, Check, Choice, More, Text } from '../../parts/ui.mjs';
import { dollars, micros } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { WINDOWS } from './budget.mjs';

const text = (value) => (value === undefined || value === null ? '' : String(value));
const lines = (value) => value.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
const count = (value) => (value === '' ? undefined : Number(value));

/** A calendar date at the end of which it expires, in the browser's zone. */
const date = (ms) => (ms ? new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 10) : '');

export function draftOf(token = {}) {
  const { name, project, expires, models = [], providers = [], ips = [], limits = {}, budget, capture, rules = [], allow_raw: raw, operator } = token;
  return {
    name: text(name),
    project: text(project),
    expires: date(expires),
    models: models.join('\n'),
    providers: providers.join('\n'),
    ips: ips.join('\n'),
    rpm: text(limits.rpm),
    tpm: text(limits.tpm),
    concurrency: text(limits.concurrency),
    money: dollars(budget?.micro),
    tokens: text(budget?.tokens),
    window: budget?.window ?? 'month',
    capture: capture ?? false,
    rules: rules.join('\n'),
    allow_raw: raw ?? false,
    operator: operator ?? false,
  };
}

export function termsOf(draft) {
  const limits = { rpm: count(draft.rpm), tpm: count(draft.tpm), concurrency: count(draft.concurrency) };
  const budget = { micro: micros(draft.money), tokens: count(draft.tokens) };
  const hasBudget = budget.micro !== undefined || budget.tokens !== undefined;
  return {
    name: draft.name.trim(),
    project: draft.project.trim(),
    expires: draft.expires ? new Date(`${draft.expires}T23:59:59`).getTime() : null,
    models: lines(draft.models),
    providers: lines(draft.providers),
    ips: lines(draft.ips),
    limits,
    budget: hasBudget ? { ...budget, window: draft.window, offset_minutes: -new Date().getTimezoneOffset() } : null,
    capture: draft.capture,
    rules: lines(draft.rules),
    allow_raw: draft.allow_raw,
    operator: draft.operator,
  };
}

export function Terms({ draft, put, error, open }) {
  // Of a list the API names the place: `ips[0]`.
  const field = error?.field?.replace(/\[\d+\]$/, '');
  const wrong = (...names) => (names.includes(field) ? error.message : undefined);
  return html`<${Text} label=${t('Name')} required value=${draft.name} onInput=${put('name')} error=${wrong('name')} />
    <${Text} label=${t('Project')} hint=${t('To sum up several tokens.')} value=${draft.project} onInput=${put('project')} error=${wrong('project')} />
    <${Text} label=${t('Budget in dollars')} hint=${t('Empty: no limit.')} type="number" min="0" step="any" value=${draft.money} onInput=${put('money')} error=${wrong('budget', 'budget.micro')} />
    <${Choice} label=${t('Budget for')} value=${draft.window} onInput=${put('window')} options=${WINDOWS.map(([name, words]) => [name, t(words)])} />
    <${Area} label=${t('Models')} hint=${t('One in a line; * for any text, ! for never. Empty: all.')} rows=${2} value=${draft.models} onInput=${put('models')} error=${wrong('models')} />
    <${More} title=${t('More limits')} open=${open}>
      <div class="form">
        <${Text} label=${t('Budget in tokens')} type="number" min="0" value=${draft.tokens} onInput=${put('tokens')} error=${wrong('budget.tokens')} />
        <${Text} label=${t('Requests a minute')} type="number" min="1" value=${draft.rpm} onInput=${put('rpm')} error=${wrong('limits.rpm')} />
        <${Text} label=${t('Tokens a minute')} type="number" min="1" value=${draft.tpm} onInput=${put('tpm')} error=${wrong('limits.tpm')} />
        <${Text} label=${t('Calls at a time')} type="number" min="1" value=${draft.concurrency} onInput=${put('concurrency')} error=${wrong('limits.concurrency')} />
        <${Text} label=${t('Good until')} type="date" value=${draft.expires} onInput=${put('expires')} error=${wrong('expires')} />
        <${Area} label=${t('Providers')} hint=${t('One in a line. Empty: all.')} rows=${2} value=${draft.providers} onInput=${put('providers')} error=${wrong('providers')} />
        <${Area} label=${t('From these addresses')} hint=${t('Such as 203.0.113.7 or 10.0.0.0/8. Empty: from anywhere.')} rows=${2} value=${draft.ips} onInput=${put('ips')} error=${wrong('ips')} />
        <${Area} label=${t('Prompt rules')} hint=${t('By name, one in a line.')} rows=${2} value=${draft.rules} onInput=${put('rules')} error=${wrong('rules')} />
        <${Check} label=${t('Keep its calls word for word')} hint=${t('Prompts and answers, to look at them here.')} checked=${draft.capture} onInput=${put('capture')} />
        <${Check} label=${t('May send providers what Sluice does not understand')} checked=${draft.allow_raw} onInput=${put('allow_raw')} />
        <${Check} label=${t('May choose the account, as key@account')} checked=${draft.operator} onInput=${put('operator')} />
      </div>
    <//>`;
}
