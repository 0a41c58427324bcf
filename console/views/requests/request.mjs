// One request: who was tried, how long it took, what it cost and why, and what was said if that was kept.

import { useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { link } from '../../parts/router.mjs';
import { stamp } from '../../parts/time.mjs';
import { Button, Card, Code, Empty, Loaded, More, Page } from '../../parts/ui.mjs';
import { money, ms, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { ENDS, buckets, failed, listOf } from './row.mjs';

const TITLES = {
  input: 'Fresh input',
  cache_read: 'Read from cache',
  cache_write: 'Written to cache',
  cache_write_long: 'Written to cache for an hour',
  output: 'Output',
  reasoning: 'Reasoning',
};

export default function Request({ id }) {
  const resource = useResource(`usage/${encodeURIComponent(id)}`);
  const back = { href: '#/requests', label: t('Requests') };
  if (resource.error?.status === 404) {
    return html`<${Page} title=${t('Request')} back=${back}><${Empty} title=${t('There is no such request')}>${t('It may be older than what is kept.')}<//><//>`;
  }
  return html`<${Page} title=${t('Request')} lead=${html`<code>${resource.value?.request || id}</code>`} back=${back}>
    <${Loaded} resource=${resource} rows=${10}>${(row) => html`<${Whole} row=${row} />`}<//>
  <//>`;
}

function Whole({ row }) {
  const { at, model, served, provider, account, account_label: label, token, token_name: tokenName, protocol, operation, status, ended, stream, agent } = row;
  const chain = listOf(row.attempts);
  return html`<div class="stack">
    <${Card}>
      <dl class="facts-list">
        <div><dt>${t('Outcome')}</dt><dd><${Badge} tone=${failed(row) ? 'bad' : 'good'}>${status || '–'} ${ENDS[ended] ? t(ENDS[ended]) : ended}<//></dd></div>
        <div><dt>${t('When')}</dt><dd>${stamp(at)}</dd></div>
        <div><dt>${t('Model')}</dt><dd><code>${model}</code>${served && served !== model && html` → <code>${served}</code>`}</dd></div>
        <div><dt>${t('Token')}</dt><dd>${token ? html`<a href=${link('tokens', token)}>${tokenName || token}</a>` : t('operator')}</dd></div>
        <div><dt>${t('Account')}</dt><dd>${account ? html`<a href=${link('accounts', account)}>${label || account}</a>` : '–'} <span class="soft">${provider}</span></dd></div>
        <div><dt>${t('Protocol')}</dt><dd>${protocol} · ${operation}${stream ? ` · ${t('stream')}` : ''}</dd></div>
        <div><dt>${t('First words')}</dt><dd>${ms(row.first_ms)}</dd></div>
        <div><dt>${t('Took')}</dt><dd>${ms(row.total_ms)}</dd></div>
        ${agent && html`<div><dt>${t('Client')}</dt><dd>${agent}</dd></div>`}
      </dl>
    <//>
    ${chain.length > 0 &&
    html`<${Card} title=${t('Who was tried')}><ol class="chain">${chain.map(
      (one, index) => html`<li><span class="step">${index + 1}</span><div>
        <a href=${link('accounts', one.account)}>${one.account}</a> <span class="soft">${one.provider} · ${one.model}</span>
        <p class="soft">${ENDS[one.outcome] ? t(ENDS[one.outcome]) : one.outcome} · ${ms(one.ms)}</p>
      </div></li>`,
    )}</ol><//>`}
    <${Cost} row=${row} />
    <${Capture} row=${row} />
    <${More} title=${t('As JSON')}><${Code} title=${String(row.id)} text=${JSON.stringify(row, null, 2)} /><//>
  </div>`;
}

function Cost({ row }) {
  const { saved, cost, basis, estimated } = row;
  const models = useResource('models');
  const price = models.value?.items.find(({ provider, model }) => provider === row.provider && model === row.served)?.price;
  const now = (name) => price?.[name === 'reasoning' ? 'output' : name];
  // Prices change: those of now are shown only where they give what was counted then.
  const sum = buckets(row).reduce((all, [name, count]) => all + count * (now(name) ?? NaN), 0);
  const holds = Math.ceil(sum / 1e6) + (price?.per_request ?? 0) === cost + saved;
  const rate = (name) => (holds ? now(name) : undefined);
  return html`<${Card} flush title=${t('Cost')} note=${[basis, estimated ? t('estimated: the provider did not tell') : ''].filter(Boolean).join(' · ')}>
    <table class="data">
      <thead><tr><th>${t('Tokens used')}</th><th class="right">${t('Count')}</th><th class="right">${t('Per million')}</th><th class="right">${t('Cost')}</th></tr></thead>
      <tbody>
        ${buckets(row).map(([name, count]) => html`<tr>
          <td>${t(TITLES[name])}</td><td class="right" data-label=${t('Count')}>${number(count)}</td>
          <td class="right" data-label=${t('Per million')}>${rate(name) === undefined ? '–' : money(rate(name))}</td>
          <td class="right" data-label=${t('Cost')}>${rate(name) === undefined ? '–' : money((count * rate(name)) / 1e6)}</td>
        </tr>`)}
        <tr><td><strong>${t('Together')}</strong></td><td /><td class="right">${saved > 0 && t('{sum} saved', { sum: money(saved) })}</td><td class="right" data-label=${t('Cost')}><strong>${money(cost)}</strong></td></tr>
      </tbody>
    </table>
  <//>`;
}

function Capture({ row }) {
  const [open, setOpen] = useState(false);
  const capture = useResource(open ? `captures/${row.id}` : undefined);
  if (!row.captured) return html`<${Card} title=${t('What was said')}><p class="soft">${t('Not kept. A token with “Keep its calls word for word” keeps them.')}</p><//>`;
  const words = (value) => JSON.stringify(value, null, 2);
  return html`<${Card} title=${t('What was said')} actions=${!open && html`<${Button} small onClick=${() => setOpen(true)}>${t('Show')}<//>`}>
    ${open && html`<${Loaded} resource=${capture}>${(value) => html`<div class="stack"><${Code} wrap title=${t('Request')} text=${words(value.request)} /><${Code} wrap title=${t('Answer')} text=${words(value.answer)} /></div>`}<//>`}
  <//>`;
}
