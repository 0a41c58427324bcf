// Which version runs, what is configured, and whether it works.

import { api } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { Button, Card, Notice, wordsOf } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';

/** What could not be measured is neither good nor bad. */
const TONES = { good: 'good', slow: 'warn', failed: 'bad' };
const NAMES = { object: 'Object', kv: 'Key-value store', d1: 'Database', master_key: 'Master key', egress: 'Way out', subrequests_inside: 'Requests inside', subrequests_outside: 'Requests outside', translate: 'Translation' };

export function About({ session }) {
  const { version, configured = {} } = session;
  const [result, setResult] = useState();
  const [error, setError] = useState();
  const test = async () => {
    setError(undefined);
    try {
      setResult(await api('POST', 'selftest', {}));
    } catch (problem) {
      setError(problem);
    }
  };
  const secret = (name, is) => html`<div><dt><code>${name}</code></dt><dd><${Badge} tone=${is ? 'good' : 'warn'}>${is ? t('set') : t('not set')}<//></dd></div>`;
  const checks = result?.checks ?? [];
  return html`<div class="stack">
    <${Card} title="Sluice" note=${version}>
      <dl class="facts-list">${secret('SLUICE_ADMIN_KEY', configured.admin)}${secret('SLUICE_MASTER_KEY', configured.master)}${secret('SLUICE_API_KEY', configured.api_key)}</dl>
      <p class="spaced"><a href="/admin/api/openapi.json" target="_blank">${t('The API as an OpenAPI document')}</a> · <a href="/admin/api/metrics" target="_blank">${t('Metrics for Prometheus')}</a></p>
    <//>
    <${Card} title=${t('Does everything work?')} actions=${html`<${Button} small onClick=${test}>${t('Check now')}<//>`}>
      <p class="soft">${t('Object, database, key-value store, master key and the way out are measured, which takes a few seconds. No provider is called.')}</p>
      ${error && html`<div class="spaced"><${Notice} tone="bad">${wordsOf(error)}<//></div>`}
      ${checks.length > 0 && html`<ul class="stack spaced">${checks.map((one) => html`<li><${Badge} tone=${TONES[one.verdict] ?? 'off'}>${t(NAMES[one.name] ?? one.name)}<//> <span class="soft">${one.message}</span></li>`)}</ul>`}
    <//>
  </div>`;
}
