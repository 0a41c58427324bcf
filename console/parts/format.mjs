// Numbers as people read them.

import { locale } from '../strings.mjs';

/** `12,345` */
export const number = (value) => (value ?? 0).toLocaleString(locale());

/** `12.3K` */
export const compact = (value) =>
  new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: value < 1000 ? 0 : 1 }).format(value ?? 0);

/** Micro-dollars: `$0.0042`, `$1.20`, `$1,204`. */
export function money(micro) {
  const dollars = (micro ?? 0) / 1e6;
  const size = Math.abs(dollars);
  const digits = size === 0 || size >= 1000 ? 0 : size >= 0.1 ? 2 : size >= 0.001 ? 4 : 6;
  return `$${dollars.toLocaleString('en', { minimumFractionDigits: size === 0 ? 2 : digits, maximumFractionDigits: Math.max(2, digits) })}`;
}

/** A share of 1: `12.5%`. */
export const percent = (share) =>
  share === undefined || share === null || Number.isNaN(share)
    ? '–'
    : `${(share * 100).toLocaleString('en', { maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0 })}%`;

/** `840 ms`, `2.4 s` */
export const ms = (value) =>
  value === undefined || value === null ? '–' : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;

export const bytes = (value) => (value < 1024 ? `${value} B` : value < 1 << 20 ? `${(value / 1024).toFixed(1)} KB` : `${(value / (1 << 20)).toFixed(1)} MB`);

/** Micro-dollars in a form, as dollars. */
export const dollars = (micro) => (micro === undefined || micro === null ? '' : String(micro / 1e6));
export const micros = (text) => (text === '' ? undefined : Math.round(Number(text) * 1e6));
