// The pieces that pages are made of.

import { html, useEffect, useId, useRef, useState } from './html.mjs';
import { t } from '../strings.mjs';

export function Page({ title, lead, actions, back, children }) {
  useEffect(() => {
    document.title = `${title} · Sluice`;
  }, [title]);
  return html`<div class="page">
    <header class="page-head">
      <div>
        ${back && html`<a class="back" href=${back.href}>← ${back.label}</a>`}
        <h1 tabindex="-1">${title}</h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${actions && html`<div class="actions">${actions}</div>`}
    </header>
    ${children}
  </div>`;
}

export function Card({ title, note, actions, children, tone, flush }) {
  return html`<section class=${`card ${tone ?? ''} ${flush ? 'flush' : ''}`}>
    ${(title || actions) &&
    html`<header class="card-head">
      <h2>${title}</h2>
      ${note && html`<span class="note">${note}</span>`} ${actions && html`<div class="actions">${actions}</div>`}
    </header>`}
    ${children}
  </section>`;
}

/** A button that waits for what it started, and cannot be pressed twice. */
export function Button({ children, onClick, kind = 'plain', small, disabled, type = 'button', label, busy, ...rest }) {
  const [waiting, set] = useState(false);
  const alive = useRef(true);
  useEffect(() => () => void (alive.current = false), []);
  const click = async (event) => {
    if (waiting) return;
    const result = onClick?.(event);
    if (typeof result?.then !== 'function') return;
    set(true);
    try {
      await result;
    } finally {
      if (alive.current) set(false);
    }
  };
  const working = waiting || busy;
  return html`<button
    ...${rest}
    type=${type}
    class=${`button ${kind} ${small ? 'small' : ''} ${working ? 'working' : ''}`}
    disabled=${disabled}
    aria-busy=${working ? 'true' : undefined}
    aria-label=${label}
    onClick=${click}
  >
    ${children}
  </button>`;
}

/** Label, control, what it means, and what is wrong with it. */
export function Field({ label, hint, error, children, wide }) {
  const id = useId();
  const described = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return html`<div class=${`field ${wide ? 'wide' : ''} ${error ? 'wrong' : ''}`}>
    <label for=${id}>${label}</label>
    ${children({ id, 'aria-describedby': described, 'aria-invalid': error ? 'true' : undefined })}
    ${error ? html`<p class="error" id=${`${id}-error`}>${error}</p>` : hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

export function Text({ label, hint, error, value, onInput, wide, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} error=${error} wide=${wide}>
    ${(control) =>
      html`<input autocomplete="off" spellcheck="false" ...${control} ...${rest} value=${value ?? ''} onInput=${(event) => onInput(event.currentTarget.value)} />`}
  <//>`;
}

export function Area({ label, hint, error, value, onInput, rows = 6, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} error=${error} wide>
    ${(control) =>
      html`<textarea autocomplete="off" spellcheck="false" rows=${rows} ...${control} ...${rest} value=${value ?? ''} onInput=${(event) => onInput(event.currentTarget.value)} />`}
  <//>`;
}

export function Choice({ label, hint, error, value, onInput, options, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} error=${error}>
    ${(control) =>
      html`<select ...${control} ...${rest} value=${value ?? ''} onChange=${(event) => onInput(event.currentTarget.value)}>
        ${options.map(([name, title]) => html`<option value=${name} selected=${name === (value ?? '')}>${title}</option>`)}
      </select>`}
  <//>`;
}

export function Check({ label, hint, checked, onInput }) {
  return html`<label class="check">
    <input type="checkbox" checked=${checked} onChange=${(event) => onInput(event.currentTarget.checked)} />
    <span>${label}${hint && html`<small>${hint}</small>`}</span>
  </label>`;
}

/** One of a few; arrows move, as in any group of radio buttons. */
export function Segments({ label, value, options, onInput }) {
  const name = useId();
  return html`<div class="segments" role="radiogroup" aria-label=${label}>
    ${options.map(
      ([option, title]) => html`<label class=${option === value ? 'on' : ''}>
        <input type="radio" name=${name} value=${option} checked=${option === value} onChange=${() => onInput(option)} />
        <span>${title}</span>
      </label>`,
    )}
  </div>`;
}

export function Notice({ tone = 'plain', title, children }) {
  return html`<div class=${`notice ${tone}`} role=${tone === 'bad' ? 'alert' : 'note'}>
    ${title && html`<strong>${title}</strong>`}
    <div>${children}</div>
  </div>`;
}

/** Nothing here yet, and what to do about it. */
export function Empty({ title, children, action }) {
  return html`<div class="empty">
    <svg viewBox="0 0 64 40" aria-hidden="true"><path d="M2 30c7-6 14-6 20 0s13 6 20 0 13-6 20 0" /><path d="M14 4v17M32 4v12M50 4v17" /></svg>
    <h2>${title}</h2>
    ${children && html`<p>${children}</p>`} ${action}
  </div>`;
}

/** A bar from nothing to all. */
export function Meter({ share, label, tone }) {
  const part = Math.min(1, Math.max(0, share || 0));
  const color = tone ?? (part >= 0.9 ? 'bad' : part >= 0.7 ? 'warn' : 'good');
  return html`<div class=${`meter ${color}`} role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(part * 100)}>
    <span style=${{ width: `${part * 100}%` }} />
  </div>`;
}

export function Copy({ text, label, small = true, kind }) {
  const [done, set] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    set(true);
    setTimeout(() => set(false), 1600);
  };
  return html`<${Button} small=${small} kind=${kind} onClick=${copy}><span aria-live="polite">${done ? t('Copied') : (label ?? t('Copy'))}</span><//>`;
}

export function Code({ text, title, wrap }) {
  return html`<figure class=${`code ${wrap ? 'wrap' : ''}`}>
    <figcaption><span>${title}</span><${Copy} text=${text} /></figcaption>
    <pre tabindex="0"><code>${text}</code></pre>
  </figure>`;
}

/** Something that opens in place. */
export function More({ title, open, children }) {
  return html`<details class="more" open=${open}><summary>${title}</summary><div>${children}</div></details>`;
}

export const Skeleton = ({ rows = 3 }) =>
  html`<div class="skeleton" role="status"><span class="hidden">${t('Loading…')}</span>${Array.from({ length: rows }, () => html`<i />`)}</div>`;

/** What has not come: it is loading, or it failed and may be tried again. */
export function Loaded({ resource, rows, children }) {
  const { value, error, reload } = resource;
  if (value !== undefined) return children(value);
  if (error) {
    return html`<${Notice} tone="bad" title=${t('This could not be loaded.')}>
      <p>${wordsOf(error)}</p>
      <${Button} small onClick=${reload}>${t('Try again')}<//>
    <//>`;
  }
  return html`<${Skeleton} rows=${rows} />`;
}

export function wordsOf(error) {
  if (error.status === 0) return t('Sluice cannot be reached. Are you offline?');
  return error.field && !error.message.includes(error.field) ? `${error.field}: ${error.message}` : error.message;
}

export function MoreButton({ list, label }) {
  if (!list.next && !list.first) return null;
  return html`<p class="center">
    ${list.first && html`<${Button} onClick=${list.first}>${t('Back to the first')}<//>`}
    ${list.next && html`<${Button} onClick=${list.more}>${label || t('Show more')}<//>`}
  </p>`;
}
