// What calls cost: the shipped table, and the operator's own prices over it.

import { api, useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Editor, parse } from '../../parts/editor.mjs';
import { say } from '../../parts/feedback.mjs';
import { Button, Card, Loaded, Text, wordsOf } from '../../parts/ui.mjs';
import { money, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';

const SHOWN = 100;
const rowsOf = (table) => (Array.isArray(table) ? table : Object.entries(table ?? {}).map(([model, price]) => ({ model, ...price })));

export function Prices() {
  const prices = useResource('prices');
  return html`<${Loaded} resource=${prices} rows=${8}>
    ${(value) => html`<div class="stack">
      <${Own} key=${JSON.stringify(value.overrides ?? value.document ?? {})} document=${value.overrides ?? value.document ?? {}} onSaved=${prices.reload} />
      <${Table} rows=${rowsOf(value.items ?? value.models ?? value.table ?? value.shipped)} />
    </div>`}
  <//>`;
}

function Own({ document, onSaved }) {
  const [text, setText] = useState(() => JSON.stringify(document, null, 2));
  const [problems, setProblems] = useState([]);
  const parsed = parse(text);
  const save = async () => {
    setProblems([]);
    try {
      await api('PUT', 'prices', parsed.value);
      say(t('Saved.'));
      onSaved();
    } catch (error) {
      if (error.problems.length > 0) setProblems(error.problems);
      else setProblems([{ path: error.field ?? '', message: wordsOf(error) }]);
    }
  };
  return html`<${Card} title=${t('Your prices')} note=${t('micro-dollars per million tokens')}>
    <div class="stack">
      <p class="soft">${t('They come before the shipped ones. 2000000 is $2.')}</p>
      <${Editor} label=${t('Your prices')} text=${text} onInput=${(next) => (setProblems([]), setText(next))} problems=${parsed.problem ? [parsed.problem] : problems} />
      <div class="actions"><${Button} kind="primary" disabled=${parsed.problem !== undefined} onClick=${save}>${t('Save')}<//></div>
    </div>
  <//>`;
}

function Table({ rows }) {
  const [q, setQ] = useState('');
  const fitting = rows.filter(({ model, name }) => (model ?? name ?? '').toLowerCase().includes(q.trim().toLowerCase()));
  const cell = (value, title) => html`<td class="right" data-label=${title}>${value === undefined || value === null ? '–' : money(value)}</td>`;
  return html`<${Card} flush title=${t('Prices that apply')} note=${t('per million tokens')}>
    <div class="inset"><${Text} label=${t('Search')} type="search" value=${q} onInput=${setQ} /></div>
    <table class="data">
      <thead><tr><th>${t('Model')}</th><th class="right">${t('Input')}</th><th class="right">${t('Read from cache')}</th><th class="right">${t('Written to cache')}</th><th class="right">${t('Output')}</th></tr></thead>
      <tbody>${fitting.slice(0, SHOWN).map((row) => html`<tr key=${row.model ?? row.name}>
        <td><code>${row.model ?? row.name}</code></td>${cell(row.input, t('Input'))}${cell(row.cache_read, t('Read from cache'))}${cell(row.cache_write_5m ?? row.cache_write, t('Written to cache'))}${cell(row.output, t('Output'))}
      </tr>`)}</tbody>
    </table>
    ${fitting.length > SHOWN && html`<p class="soft center inset">${t('{shown} of {total}. Search to see others.', { shown: SHOWN, total: number(fitting.length) })}</p>`}
  <//>`;
}
