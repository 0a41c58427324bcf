// The words of the console: English in the code, Simplified Chinese in one table.

import { useEffect, useState } from './parts/html.mjs';
import chinese from './strings/zh.mjs';

const SAVED = 'sluice.language';

const listeners = new Set();
let language = initial();

function initial() {
  try {
    const saved = localStorage.getItem(SAVED);
    if (saved === 'en' || saved === 'zh') return saved;
  } catch {
    // A browser may forbid storage; the language of the browser is the next best.
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export const locale = () => (language === 'zh' ? 'zh-CN' : 'en-GB');
export const current = () => language;

export function choose(next) {
  language = next;
  try {
    localStorage.setItem(SAVED, next);
  } catch {
    // It holds until the page is left.
  }
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  listeners.forEach((listener) => listener());
}

document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';

/** Draws again when the language changes. */
export function useLanguage() {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = () => draw((count) => count + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return language;
}

/** `t('{n} accounts', { n: 3 })` */
export function t(text, values) {
  const found = language === 'zh' ? (chinese[text] ?? text) : text;
  if (values === undefined) return found;
  return found.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
