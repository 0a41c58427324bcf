// A chart of days or hours. Its library comes when the first one is drawn.

import { html, useEffect, useRef, useState } from './html.mjs';
import { locale, t } from '../strings.mjs';

let library;
const load = () => {
  if (!library) {
    const style = document.createElement('link');
    Object.assign(style, { rel: 'stylesheet', href: '/console/vendor/uplot.css' });
    document.head.append(style);
    library = import('../vendor/uplot.mjs').then((module) => module.default);
  }
  return library;
};

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const dark = matchMedia('(prefers-color-scheme: dark)');

/** `series`: `[{ label, values, tone }]` over `moments` (milliseconds). */
export function Chart({ title, moments, hourly, series, format }) {
  const box = useRef();
  const [at, setAt] = useState(null);
  const look = (plot) => setAt(plot.cursor.idx ?? null);
  useEffect(() => {
    let plot;
    let gone = false;
    const draw = async () => {
      const Plot = await load();
      if (gone || !box.current) return;
      plot?.destroy();
      plot = new Plot(options(Plot, box.current, series, hourly, format, look), [moments.map((at) => at / 1000), ...series.map(({ values }) => values)], box.current);
    };
    draw();
    const watch = new ResizeObserver(() => box.current && plot?.setSize({ width: box.current.clientWidth, height: 200 }));
    watch.observe(box.current);
    dark.addEventListener('change', draw);
    return () => {
      gone = true;
      watch.disconnect();
      dark.removeEventListener('change', draw);
      plot?.destroy();
    };
  }, [moments, series]);
  const shown = Math.min(at ?? moments.length, moments.length - 1);
  const label = labels(hourly);
  return html`<figure class="chart">
    ${moments.length > 0 &&
    html`<figcaption aria-hidden="true">
      <span class="soft">${label(moments[shown] / 1000)}</span> ${series.map(({ label: name, values }) => html`<strong>${format(values[shown])}</strong> <span class="soft">${name}</span>`)}
    </figcaption>`}
    <div ref=${box} role="img" aria-label=${title} />
    <table class="hidden">
      <caption>${title}</caption>
      <tr><th>${hourly ? t('Hour') : t('Day')}</th>${series.map(({ label }) => html`<th>${label}</th>`)}</tr>
      ${moments.map(
        (moment, at) => html`<tr><td>${label(moment / 1000)}</td>${series.map(({ values }) => html`<td>${format(values[at])}</td>`)}</tr>`,
      )}
    </table>
  </figure>`;
}

/** Hours as the reader's clock has them; days are those of UTC. */
const labels = (hourly) => (seconds) => {
  const moment = new Date(seconds * 1000);
  return hourly ? moment.toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit', hour12: false }) : moment.toLocaleDateString(locale(), { day: 'numeric', month: 'short', timeZone: 'UTC' });
};

function options(Plot, box, series, hourly, format, look) {
  const step = hourly ? 3600 : 86_400;
  const axis = { stroke: color('soft'), grid: { stroke: color('line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const bars = Plot.paths.bars({ size: [0.6, 28], radius: 0.15 });
  return {
    width: box.clientWidth,
    height: 200,
    padding: [12, 8, 0, 0],
    cursor: { y: false, points: { show: false } },
    legend: { show: false },
    hooks: { setCursor: [look] },
    scales: { x: { time: true, range: (_, low, high) => [low - step / 2, high + step / 2] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, size: 28, grid: { show: false }, values: (_, marks) => marks.map(labels(hourly)), space: 64, incrs: (hourly ? [1, 2, 3, 6] : [1, 2, 5, 7]).map((count) => count * step) },
      { ...axis, size: 56, values: (_, marks) => marks.map((mark) => format(mark)) },
    ],
    series: [
      {},
      ...series.map(({ tone }) => ({
        fill: color(tone),
        stroke: color(tone),
        width: 0,
        paths: bars,
        points: { show: false },
      })),
    ],
  };
}
