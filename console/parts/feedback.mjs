// What the page says back: short messages at the bottom, and dialogs above everything.

import { html, useEffect, useId, useRef, useState } from './html.mjs';
import { Button, wordsOf } from './ui.mjs';
import { t } from '../strings.mjs';

let show = () => {};
let count = 0;

/** `action` is `{ label, run }`, such as to undo. */
export function say(text, { tone = 'plain', action, stay } = {}) {
  show({ id: (count += 1), text, tone, action, ms: stay ?? (action ? 10_000 : 4000) });
}

/** Runs `work`, says what went wrong, and tells whether it went well. */
export async function attempt(work, done) {
  try {
    const value = await work();
    if (done) say(typeof done === 'function' ? done(value) : done);
    return { ok: true, value };
  } catch (error) {
    say(wordsOf(error), { tone: 'bad', stay: 8000 });
    return { ok: false, error };
  }
}

export function Messages() {
  const [messages, set] = useState([]);
  const drop = (id) => set((old) => old.filter((one) => one.id !== id));
  useEffect(() => {
    show = (message) => {
      set((old) => [...old.slice(-2), message]);
      setTimeout(() => drop(message.id), message.ms);
    };
  }, []);
  return html`<div class="messages" role="status" aria-live="polite">
    ${messages.map(
      ({ id, text, tone, action }) => html`<div key=${id} class=${`message ${tone}`}>
        <span>${text}</span>
        ${action && html`<button type="button" onClick=${() => (drop(id), action.run())}>${action.label}</button>`}
        <button type="button" class="close" aria-label=${t('Dismiss')} onClick=${() => drop(id)}>×</button>
      </div>`,
    )}
  </div>`;
}

/** The browser's own modal dialog: focus stays inside, Escape closes. */
export function Dialog({ title, onClose, children, wide, locked }) {
  const element = useRef();
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    if (!dialog.open) dialog.showModal();
    return () => dialog.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    if (!locked) onClose();
  };
  return html`<dialog ref=${element} class=${wide ? 'wide' : ''} aria-labelledby=${id} onCancel=${cancel} onClick=${(event) => event.target === element.current && !locked && onClose()}>
    <div class="dialog">
      <header><h2 id=${id}>${title}</h2>
        ${!locked && html`<button type="button" class="close" aria-label=${t('Close')} onClick=${onClose}>×</button>`}
      </header>
      ${children}
    </div>
  </dialog>`;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, children, verb, onYes, onClose }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <div>${children}</div>
    <footer>
      <${Button} onClick=${onClose}>${t('Cancel')}<//>
      <${Button} kind="danger" onClick=${onYes}>${verb}<//>
    </footer>
  <//>`;
}
