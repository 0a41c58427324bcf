// A chart of days. Its library comes when the first one is drawn.

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

/** `series`: `[{ label, values, tone }]` over `days` (milliseconds). */
export function Chart({ title, days, series, format }) {
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
      plot = new Plot(options(Plot, box.current, series, format, look), [days.map((day) => day / 1000), ...series.map(({ values }) => values)], box.current);
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
  }, [days, series]);
  const shown = at ?? days.length - 1;
  return html`<figure class="chart">
    ${days.length > 0 &&
    html`<figcaption aria-hidden="true">
      <span class="soft">${label(days[shown] / 1000)}</span> ${series.map(({ label: name, values }) => html`<strong>${format(values[shown])}</strong> <span class="soft">${name}</span>`)}
    </figcaption>`}
    <div ref=${box} role="img" aria-label=${title} />
    <table class="hidden">
      <caption>${title}</caption>
      <tr><th>${t('Day')}</th>${series.map(({ label }) => html`<th>${label}</th>`)}</tr>
      ${days.map(
        (day, at) => html`<tr><td>${new Date(day).toLocaleDateString(locale())}</td>${series.map(({ values }) => html`<td>${format(values[at])}</td>`)}</tr>`,
      )}
    </table>
  </figure>`;
}

const label = (seconds) => new Date(seconds * 1000).toLocaleDateString(locale(), { day: 'numeric', month: 'short', timeZone: 'UTC' });

function options(Plot, box, series, format, look) {
  const axis = { stroke: color('soft'), grid: { stroke: color('line'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const bars = Plot.paths.bars({ size: [0.6, 28], radius: 0.15 });
  return {
    width: box.clientWidth,
    height: 200,
    padding: [12, 8, 0, 0],
    cursor: { y: false, points: { show: false } },
    legend: { show: false },
    hooks: { setCursor: [look] },
    scales: { x: { time: true, range: (_, low, high) => [low - 43_200, high + 43_200] }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, marks) => marks.map(label), space: 64, incrs: [86_400, 172_800, 432_000, 604_800] },
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
