// Everything in one file, and back.

import { api, get } from '../../api.mjs';
import { html, useRef, useState } from '../../parts/html.mjs';
import { attempt } from '../../parts/feedback.mjs';
import { Button, Card, Notice, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';
import { Rest } from '../accounts/files.mjs';

export function Backup() {
  return html`<div class="stack"><${Save} /><${Restore} /></div>`;
}

function Save() {
  const save = async () => {
    const { ok, value } = await attempt(() => get('export'));
    if (!ok) return;
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
    const address = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    const anchor = Object.assign(document.createElement('a'), { href: address, download: `sluice-${new Date().toISOString().slice(0, 10)}.json` });
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
  return html`<${Card} title=${t('Back up')}>
    <p class="soft">${t('Accounts, tokens and configuration in one file. Credentials stay sealed: the file is worth nothing without the master key, so keep that too.')}</p>
    <div class="actions spaced"><${Button} kind="primary" onClick=${save}>${t('Download')}<//></div>
  <//>`;
}

function Restore() {
  const input = useRef();
  const [bundle, setBundle] = useState();
  const [trial, setTrial] = useState();
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState();
  const choose = async (event) => {
    const [file] = event.currentTarget.files;
    setDone(false);
    setTrial(undefined);
    setProblem(undefined);
    if (!file) return;
    try {
      const read = JSON.parse(await file.text());
      setBundle(read);
      setTrial(await api('POST', 'import?dry_run=1', read));
    } catch (error) {
      setProblem(error instanceof SyntaxError ? t('This is not a backup: it is no JSON.') : wordsOf(error));
    }
  };
  const restore = async () => {
    const { ok } = await attempt(() => api('POST', 'import', bundle), t('Restored.'));
    if (ok) setDone(true);
  };
  const count = (action) => (trial.accounts ?? []).filter((one) => one.action === action).length;
  return html`<${Card} title=${t('Restore')}>
    <p class="soft">${t('You see what would change before anything does.')}</p>
    <input ref=${input} class="hidden" type="file" accept="application/json,.json" tabindex="-1" aria-label=${t('A backup')} onChange=${choose} />
    <div class="stack spaced">
      <div class="actions"><${Button} onClick=${() => input.current.click()}>${t('Choose a backup')}<//></div>
      ${problem && html`<${Notice} tone="bad">${problem}<//>`}
      ${trial &&
      html`<${Notice} title=${t('It would change:')}>
        <p>${t('{added} accounts added, {updated} updated, {skipped} the same.', { added: count('add'), updated: count('update'), skipped: count('skip') })}</p>
        ${(trial.accounts ?? []).filter(({ action }) => action === 'refuse').slice(0, 20).map((one) => html`<p class="error">${one.name}: ${one.message}</p>`)}
        <${Rest} told=${trial} />
      <//>
      ${done ? html`<${Notice} tone="good">${t('Restored.')}<//>` : html`<${Button} kind="primary" onClick=${restore}>${t('Restore')}<//>`}`}
    </div>
  <//>`;
}
