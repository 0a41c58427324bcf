// Requests as they happen: one appears when it begins, and is filled in when it is over.

import { html, useEffect, useRef, useState } from '../../parts/html.mjs';
import { Badge } from '../../parts/account_state.mjs';
import { Button, Card, Code, Empty, More } from '../../parts/ui.mjs';
import { number } from '../../parts/format.mjs';
import { t } from '../../strings.mjs';
import { Rows } from './table.mjs';

/** Rows that are kept: more cannot be read. */
const KEPT = 100;
/** Conversions, each up to a hundred kilobytes. */
const SHOWN = 10;

export function Live() {
  const [items, setItems] = useState([]);
  const [state, setState] = useState('connecting');
  const [held, setHeld] = useState(false);
  const [lost, setLost] = useState(0);
  const [conversions, setConversions] = useState([]);
  const holding = useRef(false);
  holding.current = held;
  useEffect(() => {
    const source = new EventSource('/admin/api/tail');
    // A burst is drawn once a frame, however many calls it tells of.
    let waiting = [];
    let frame;
    const draw = () => {
      frame = undefined;
      const rows = waiting;
      waiting = [];
      setItems((old) => {
        const known = new Map();
        // What is over replaces what had begun, never the other way round.
        for (const row of [...old, ...rows]) if (known.get(row.id)?.status === undefined) known.set(row.id, row);
        return [...known.values()].sort((one, other) => other.at - one.at).slice(0, KEPT);
      });
    };
    const hear = (listen) => (event) => {
      try {
        listen(JSON.parse(event.data));
      } catch {
        // A newer version says something else; the history has it.
      }
    };
    const put = (row) => {
      if (holding.current) return;
      waiting.push(row);
      frame ??= requestAnimationFrame(draw);
    };
    source.onopen = () => {
      setState('open');
      // The ends of these may have been missed.
      setItems((old) => old.filter(({ status }) => status !== undefined));
    };
    source.onerror = () => setState(source.readyState === EventSource.CLOSED ? 'closed' : 'connecting');
    source.addEventListener('started', hear(put));
    source.addEventListener('call', hear(put));
    let count = 0;
    source.addEventListener('refused', hear((row) => put({ ...row, id: `refused-${(count += 1)}` })));
    source.addEventListener('conversion', hear((one) => setConversions((old) => [{ ...one, key: (count += 1) }, ...old].slice(0, SHOWN))));
    source.addEventListener('lost', hear(({ count: more }) => setLost((old) => old + more)));
    return () => {
      source.close();
      cancelAnimationFrame(frame);
    };
  }, []);
  const words = held ? t('held') : state === 'open' ? t('live') : state === 'closed' ? t('not connected') : t('connecting…');
  return html`<div class="actions">
      <${Badge} tone=${state === 'open' && !held ? 'good' : 'off'}>${words}<//>
      <${Button} small onClick=${() => setHeld(!held)}>${held ? t('Go on') : t('Hold')}<//>
      ${lost > 0 && html`<span class="soft">${t('{n} went by too fast; the history has them.', { n: number(lost) })}</span>`}
    </div>
    <${Card} flush>${items.length === 0 ? html`<${Empty} title=${t('Waiting for the next request')}>${t('It appears here as it begins.')}<//>` : html`<${Rows} items=${items} />`}<//>
    <${Conversions} items=${conversions} />`;
}

/** What became of calls that asked to be shown: the request and the first events, before and after. */
function Conversions({ items }) {
  return html`<${Card} title=${t('Conversions')} note=${t('nothing of this is stored')}>
    <p class="soft">${t('A request of yours, or of an operator’s token, that carries this header is shown here, as it came and as it was sent on:')} <code>x-sluice-debug: 1</code></p>
    ${items.map(
      ({ key, client, wire, account, model, status, before, after, received, sent }) => html`<div key=${key} class="spaced"><${More} title=${`${client} → ${wire} · ${account} · ${model}${status === undefined ? '' : ` · ${status}`}`}>
        <div class="columns">
          <${Code} wrap title=${t('Request, before')} text=${before} /><${Code} wrap title=${t('Request, after')} text=${after} />
          <${Code} wrap title=${t('Answer, before')} text=${received.join('\n')} /><${Code} wrap title=${t('Answer, after')} text=${sent.join('\n')} />
        </div>
      <//></div>`,
    )}
  <//>`;
}
