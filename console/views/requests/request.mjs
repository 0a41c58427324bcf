// One request: who was tried, how long it took, what it cost and why, and what was said if that was kept.

import { useResource } from '../../api.mjs';
import { html, useState } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { link } from '../../parts/router.mjs';
import { clock, stamp } from '../../parts/time.mjs';
import { Button, Card, Code, Empty, Loaded, More, Page } from '../../parts/ui.mjs';
import { money, ms, number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { buckets, costOf, failed } from './row.mjs';

const TITLES = {
  input_tokens: 'Fresh input', input: 'Fresh input', cache_read_tokens: 'Read from cache', cache_read: 'Read from cache', cache_write_tokens: 'Written to cache', cache_write: 'Written to cache',
  cache_write_long_tokens: 'Written to cache for an hour', cache_write_long: 'Written to cache for an hour', output_tokens: 'Output', output: 'Output',
};

export default function Request({ id }) {
  const resource = useResource(`usage/${encodeURIComponent(id)}`);
  const back = { href: '#/requests', label: t('Requests') };
  if (resource.error?.status === 404 && !resource.error.absent) {
    return html`<${Page} title=${t('Request')} back=${back}><${Empty} title=${t('There is no such request')}>${t('It may be older than what is kept.')}<//><//>`;
  }
  return html`<${Page} title=${t('Request')} lead=${html`<code>${id}</code>`} back=${back}>
    <${Loaded} resource=${resource} rows=${10}>${(row) => html`<${Whole} row=${row.row ?? row} />`}<//>
  <//>`;
}

function Whole({ row }) {
  const { model, requested_model: asked, provider, account, account_label: label, token, token_name: tokenName, protocol, status, end, end_reason: reason, stream, estimated, error, attempts } = row;
  const at = row.at ?? row.time ?? row.created;
  const chain = Array.isArray(attempts) ? attempts : typeof attempts === 'string' ? JSON.parse(attempts) : [];
  return html`<div class="stack">
    <${Card}>
      <dl class="facts-list">
        <div><dt>${t('Outcome')}</dt><dd><${Badge} tone=${failed(row) ? 'bad' : 'good'}>${status ?? ''} ${end ?? reason ?? ''}<//></dd></div>
        <div><dt>${t('When')}</dt><dd>${at ? stamp(at) : '–'}</dd></div>
        <div><dt>${t('Model')}</dt><dd><code>${asked ?? model}</code>${asked && model && asked !== model && html` → <code>${model}</code>`}</dd></div>
        <div><dt>${t('Token')}</dt><dd>${token ? html`<a href=${link('tokens', token)}>${tokenName || token}</a>` : t('operator')}</dd></div>
        <div><dt>${t('Account')}</dt><dd>${account ? html`<a href=${link('accounts', account)}>${label || account}</a>` : '–'} <span class="soft">${provider ?? ''}</span></dd></div>
        <div><dt>${t('Protocol')}</dt><dd>${protocol ?? '–'}${stream ? ` · ${t('stream')}` : ''}</dd></div>
        <div><dt>${t('First words')}</dt><dd>${ms(row.ttft_ms ?? row.ttft)}</dd></div>
        <div><dt>${t('Took')}</dt><dd>${ms(row.duration_ms ?? row.duration ?? row.total_ms)}</dd></div>
      </dl>
      ${error && html`<p class="error spaced">${error.message ?? error}</p>`}
    <//>
    ${chain.length > 0 &&
    html`<${Card} title=${t('Who was tried')}><ol class="chain">${chain.map(
      (one, index) => html`<li><span class="step">${index + 1}</span><div>
        <a href=${link('accounts', one.account ?? one.id ?? '')}>${one.label || one.account || one.id}</a> <span class="soft">${one.provider ?? ''} ${one.model ?? ''}</span>
        <p class="soft">${[one.status, one.fault ?? one.outcome, one.why ?? one.words ?? one.message, one.ms !== undefined ? ms(one.ms) : undefined, one.until && t('until {time}', { time: clock(one.until) })].filter(Boolean).join(' · ')}</p>
      </div></li>`,
    )}</ol><//>`}
    <${Cost} row=${row} estimated=${estimated} />
    <${Capture} row=${row} />
    <${More} title=${t('As JSON')}><${Code} title=${row.id} text=${JSON.stringify(row, null, 2)} /><//>
  </div>`;
}

function Cost({ row, estimated }) {
  const parts = buckets(row).filter(([, value]) => value > 0);
  const price = typeof row.price === 'string' ? JSON.parse(row.price) : (row.price ?? {});
  const saved = row.saved ?? row.saved_micro ?? 0;
  const rate = (name) => price[name] ?? price[name.replace('_tokens', '')];
  return html`<${Card} flush title=${t('Cost')} note=${estimated ? t('estimated: the provider did not tell') : undefined}>
    <table class="data">
      <thead><tr><th>${t('Tokens used')}</th><th class="right">${t('Count')}</th><th class="right">${t('Per million')}</th><th class="right">${t('Cost')}</th></tr></thead>
      <tbody>
        ${parts.map(([name, value]) => html`<tr>
          <td>${t(TITLES[name])}</td><td class="right" data-label=${t('Count')}>${number(value)}</td>
          <td class="right" data-label=${t('Per million')}>${rate(name) === undefined ? '–' : money(rate(name))}</td>
          <td class="right" data-label=${t('Cost')}>${rate(name) === undefined ? '–' : money((value * rate(name)) / 1e6)}</td>
        </tr>`)}
        <tr><td><strong>${t('Together')}</strong></td><td /><td class="right">${saved > 0 && t('{sum} saved', { sum: money(saved) })}</td><td class="right" data-label=${t('Cost')}><strong>${money(costOf(row))}</strong></td></tr>
      </tbody>
    </table>
  <//>`;
}

function Capture({ row }) {
  const [open, setOpen] = useState(false);
  const capture = useResource(open ? `captures/${encodeURIComponent(row.id)}` : undefined);
  const kept = row.captured ?? row.capture;
  if (!kept) return html`<${Card} title=${t('What was said')}><p class="soft">${t('Not kept. A token with “Keep its calls word for word” keeps them.')}</p><//>`;
  const words = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  return html`<${Card} title=${t('What was said')} actions=${!open && html`<${Button} small onClick=${() => setOpen(true)}>${t('Show')}<//>`}>
    ${open && html`<${Loaded} resource=${capture}>${(value) => html`<div class="stack"><${Code} wrap title=${t('Request')} text=${words(value.request)} /><${Code} wrap title=${t('Answer')} text=${words(value.response ?? value.answer)} /></div>`}<//>`}
  <//>`;
}
