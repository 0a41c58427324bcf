// Moments and spans in words, and the one clock that all countdowns look at.

import { html, useEffect, useState } from './html.mjs';
import { locale, t } from '../strings.mjs';

const watchers = new Set();
let timer;

/** Milliseconds since the epoch, again every second. */
export function useNow() {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    watchers.add(set);
    timer ??= setInterval(() => watchers.forEach((watcher) => watcher(Date.now())), 1000);
    return () => {
      watchers.delete(set);
      if (watchers.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    };
  }, []);
  return now;
}

const two = (number) => String(number).padStart(2, '0');

/** `4:09`, `1:04:09`, `3 d 4 h` */
export function span(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor(seconds / 3600) % 24;
  if (days > 0) return t('{d} d {h} h', { d: days, h: hours });
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours > 0) return `${hours}:${two(minutes)}:${two(seconds % 60)}`;
  return `${minutes}:${two(seconds % 60)}`;
}

const isToday = (ms) => new Date(ms).toDateString() === new Date().toDateString();

/** `14:05:12`, with the day when it is another. */
export function clock(ms) {
  const time = new Date(ms).toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  return isToday(ms) ? time : `${day(ms)} ${time}`;
}

export const day = (ms) => new Date(ms).toLocaleDateString(locale(), { day: 'numeric', month: 'short' });

export const stamp = (ms) =>
  new Date(ms).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'medium', hour12: false });

/** `3 minutes ago`, `in 2 hours` */
export function distance(ms, now) {
  const seconds = Math.round((ms - now) / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
  const size = Math.abs(seconds);
  if (size < 60) return format.format(seconds, 'second');
  if (size < 3600) return format.format(Math.round(seconds / 60), 'minute');
  if (size < 86_400) return format.format(Math.round(seconds / 3600), 'hour');
  return format.format(Math.round(seconds / 86_400), 'day');
}

export function Ago({ at }) {
  const now = useNow();
  return html`<time datetime=${new Date(at).toISOString()} title=${stamp(at)}>${distance(at, now)}</time>`;
}

/** Counts down to `until`; `onEnd` is called once it is reached. */
export function Countdown({ until, onEnd }) {
  const now = useNow();
  const over = until <= now;
  useEffect(() => {
    if (over) onEnd?.();
  }, [over]);
  return html`<span class="count" role="timer">${over ? t('now') : span(until - now)}</span>`;
}
