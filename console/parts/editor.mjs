// JSON as text, with what is wrong shown at its line.

import { html, useMemo, useRef } from './html.mjs';
import { t } from '../strings.mjs';

/** The line (from 0) at which the member `path` of `text` stands, such as `routes.fast.tiers[0][1].model`. */
export function lineOf(text, path) {
  const parts = String(path ?? '').split(/[.[\]/]+/).filter(Boolean);
  let at = 0;
  for (const part of parts) {
    if (/^\d+$/.test(part)) continue;
    const found = text.indexOf(JSON.stringify(part), at);
    if (found < 0) break;
    at = found;
  }
  return text.slice(0, at).split('\n').length - 1;
}

/** What JSON.parse says, with the line of it. */
export function parse(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const position = Number(/position (\d+)/.exec(error.message)?.[1] ?? 0);
    return { problem: { message: error.message, line: text.slice(0, position).split('\n').length - 1 } };
  }
}

export function Editor({ label, text, onInput, problems = [], rows }) {
  const area = useRef();
  const lines = text.split('\n').length;
  const placed = useMemo(() => problems.map((one) => ({ ...one, line: one.line ?? lineOf(text, one.path) })), [problems, text]);
  const marked = new Set(placed.map(({ line }) => line));
  const jump = (line) => {
    const before = text.split('\n').slice(0, line).join('\n').length + (line > 0 ? 1 : 0);
    area.current.focus();
    area.current.setSelectionRange(before, text.indexOf('\n', before) < 0 ? text.length : text.indexOf('\n', before));
  };
  const tab = (event) => {
    if (event.key === 'Escape') area.current.blur();
  };
  return html`<div>
    <div class="editor">
      <ol aria-hidden="true">${Array.from({ length: lines }, (_, at) => html`<li class=${marked.has(at) ? 'wrong' : ''}>${at + 1}</li>`)}</ol>
      <textarea ref=${area} aria-label=${label} aria-invalid=${placed.length > 0 ? 'true' : undefined} spellcheck="false" autocomplete="off" rows=${Math.max(rows ?? 8, lines)} value=${text} onInput=${(event) => onInput(event.currentTarget.value)} onKeyDown=${tab} />
    </div>
    ${placed.length > 0 &&
    html`<ul class="problems" role="alert">
      ${placed.map(({ path, message, line }) => html`<li><button type="button" onClick=${() => jump(line)}>${t('line {n}', { n: line + 1 })} ${path && html`<code>${path}</code>`} ${message}</button></li>`)}
    </ul>`}
  </div>`;
}
