// The console: who is signed in, the frame around every page, and which page is shown.

import { api, get, onSignedOut } from './api.mjs';
import { html, render, useEffect, useRef, useState } from './parts/html.mjs';
import { Messages } from './parts/feedback.mjs';
import { Mark } from './parts/mark.mjs';
import { useRoute } from './parts/router.mjs';
import { Notice, Skeleton } from './parts/ui.mjs';
import { choose, t, useLanguage } from './strings.mjs';

/** Name in the address, title, module. */
const PAGES = [
  ['overview', 'Overview', () => import('./views/overview.mjs')],
  ['accounts', 'Accounts', () => import('./views/accounts.mjs')],
  ['models', 'Models', () => import('./views/models.mjs')],
  ['tokens', 'Tokens', () => import('./views/tokens.mjs')],
  ['requests', 'Requests', () => import('./views/requests.mjs')],
  ['connect', 'Connect', () => import('./views/connect.mjs')],
  ['playground', 'Playground', () => import('./views/playground.mjs')],
  ['settings', 'Settings', () => import('./views/settings.mjs')],
];
const login = () => import('./views/login.mjs');

/** The page's component, once its module has come; never another page's. */
function useView(load) {
  const [loaded, setLoaded] = useState({});
  useEffect(() => {
    let gone = false;
    const set = (view) => !gone && setLoaded({ of: load, view });
    load().then(
      (module) => set(module.default),
      (error) => set(() => html`<${Notice} tone="bad" title=${t('This page could not be loaded.')}>${error.message}<//>`),
    );
    return () => {
      gone = true;
    };
  }, [load]);
  return loaded.of === load ? loaded.view : undefined;
}

function App() {
  const language = useLanguage();
  const [session, set] = useState();
  const check = async () => {
    try {
      set(await get('session'));
    } catch (error) {
      set({ signed_in: false, error });
    }
  };
  useEffect(() => {
    check();
    return onSignedOut(() => set((old) => ({ ...old, signed_in: false, over: true })));
  }, []);
  return html`<div key=${language}>
    ${session === undefined ? html`<${Skeleton} rows=${4} />` : session.signed_in ? html`<${Frame} session=${session} onLeave=${check} />` : html`<${Door} session=${session} onEnter=${check} />`}
    <${Messages} />
  </div>`;
}

function Door(props) {
  const View = useView(login);
  return html`<main class="door">${View && html`<${View} ...${props} />`}<${Language} /></main>`;
}

function Frame({ session, onLeave }) {
  const route = useRoute();
  const [open, setOpen] = useState(false);
  const main = useRef();
  const page = PAGES.find(([name]) => name === route.page) ?? PAGES[0];
  const View = useView(page[2]);
  const place = [page[0], ...route.rest].join('/');
  const first = useRef(true);
  useEffect(() => {
    setOpen(false);
    if (first.current) {
      first.current = false;
      return;
    }
    main.current?.focus();
    scrollTo(0, 0);
  }, [place]);
  useEffect(() => {
    // The other pages are wanted soon; the first one is not kept waiting for them.
    const timer = setTimeout(() => PAGES.forEach(([, , load]) => load()), 1500);
    return () => clearTimeout(timer);
  }, []);
  const leave = async () => {
    await api('DELETE', 'session');
    onLeave();
  };
  return html`<div class="frame">
    <a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current.focus())}>${t('Skip to the page')}</a>
    <nav class=${open ? 'open' : ''} aria-label=${t('Pages')}>
      <div class="brand">
        <a href="#/overview"><${Mark} /> <span>Sluice</span></a>
        <button type="button" class="menu" aria-expanded=${String(open)} aria-controls="pages" onClick=${() => setOpen(!open)}>
          <span>${t(page[1])}</span><i aria-hidden="true" />
        </button>
      </div>
      <div class="drawer" id="pages">
        <ul>
          ${PAGES.map(
            ([name, title]) => html`<li><a href=${`#/${name}`} aria-current=${name === page[0] ? 'page' : undefined}>${t(title)}</a></li>`,
          )}
        </ul>
        <footer>
          <${Language} />
          <button type="button" class="quiet" onClick=${leave}>${t('Sign out')}</button>
          <span class="version">${session.version}</span>
        </footer>
      </div>
    </nav>
    <main id="main" ref=${main} tabindex="-1">
      ${session.problem && html`<${Notice} tone="bad" title=${t('Stored accounts cannot be opened.')}>${session.problem}<//>`}
      ${View ? html`<${View} key=${place} rest=${route.rest} values=${route.values} session=${session} />` : html`<${Skeleton} />`}
    </main>
  </div>`;
}

function Language() {
  const language = useLanguage();
  return html`<button type="button" class="quiet" lang=${language === 'zh' ? 'en' : 'zh-CN'} onClick=${() => choose(language === 'zh' ? 'en' : 'zh')}>
    ${language === 'zh' ? 'English' : '中文'}
  </button>`;
}

render(html`<${App} />`, document.getElementById('app'));
