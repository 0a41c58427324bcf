// How long the usage log keeps a call, and how many; the same of captures.

import { html, useState } from '../../parts/html.mjs';
import { useConfig } from '../../parts/config.mjs';
import { Button, Card, Loaded, Notice, Text } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

export function Retention() {
  const config = useConfig();
  return html`<${Card} title=${t('Retention')}>
    <p class="soft">${t('How long single requests stay in the log. Sums by the day stay for good, and so does the audit log; prompts and answers are not stored unless a token says so.')}</p>
    <${Loaded} resource=${config.resource}>${({ revision, document }) => html`<${Form} key=${revision} config=${config} document=${document} />`}<//>
  <//>`;
}

const FIELDS = [
  ['days', 'Days', 'Empty: as SLUICE_LOG_DAYS says, or 90.'],
  ['rows', 'Requests', 'Empty: as SLUICE_LOG_ROWS says, or 200,000. The oldest go first, by whole days.'],
  ['capture_days', 'Days of captures', 'Empty: as SLUICE_CAPTURE_DAYS says, or 30.'],
  ['capture_mb', 'Megabytes of captures', 'Empty: as SLUICE_CAPTURE_MB says, or 100. The oldest go first.'],
];

function Form({ config, document }) {
  const [draft, setDraft] = useState(() => Object.fromEntries(FIELDS.map(([name]) => [name, String(document.retention?.[name] ?? '')])));
  const put = (name) => (value) => setDraft((old) => ({ ...old, [name]: value }));
  const wrong = (name) => config.problems.find(({ path }) => path === `retention.${name}`)?.message;
  const others = config.problems.filter(({ path }) => !FIELDS.some(([name]) => path === `retention.${name}`));
  const save = (event) => {
    event.preventDefault();
    const given = Object.entries(draft).filter(([, value]) => value !== '');
    return config.store({ ...document, retention: Object.fromEntries(given.map(([name, value]) => [name, Number(value)])) });
  };
  return html`<form class="form spaced" onSubmit=${save}>
    ${FIELDS.map(([name, label, hint]) => html`<${Text} key=${name} label=${t(label)} hint=${t(hint)} type="number" value=${draft[name]} onInput=${put(name)} error=${wrong(name)} />`)}
    ${others.length > 0 && html`<${Notice} tone="bad">${others.map(({ path, message }) => html`<p><code>${path}</code> ${message}</p>`)}<//>`}
    <footer><${Button} kind="primary" type="submit">${t('Save')}<//></footer>
  </form>`;
}
