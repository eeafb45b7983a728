// Training and validation of one job, epoch by epoch.

import { chart, counted, FIRST, line, MOST_MARKERS, NONE, note } from "./charts.js";
import { METRICS, scale } from "./metrics.js";

/**
 * @param {{train: string, validation: string, title: string, signal: AbortSignal}} about
 * @returns {{element: HTMLElement, draw: (rows: object[], look: import("./looks.js").Look, epochs: number,
 *   ended: boolean) => Promise<void>}}
 */
export function curves({ train, validation, title, signal }) {
  const { axis, read, hover } = scale(validation);
  const said = (value) => read(value ?? Number.NaN);
  const told = (row) =>
    row
      ? `After epoch ${row.epoch}: training ${said(row[train])}, validation ${said(row[validation])}.`
      : "No epoch is recorded.";
  const figure = chart({ name: validation, title, signal, size: "tall" });
  return {
    element: figure.element,
    draw: (rows, look, epochs, ended) =>
      figure.draw((colors) => {
        const x = rows.map((row) => row.epoch);
        const drawn = (metric, more) =>
          line(colors, look, {
            x,
            y: rows.map((row) => row[metric]),
            name: METRICS[metric],
            hovertemplate: `epoch %{x}: %{y:${hover}}<extra>${METRICS[metric]}</extra>`,
            ...more,
          });
        return {
          data: [
            drawn(train, {
              line: { color: colors.looks[look.color], dash: look.dotted, width: 1.75 },
              marker: {
                color: colors.looks[look.color],
                symbol: `${look.symbol}-open`,
                size: 6,
                maxdisplayed: MOST_MARKERS,
              },
            }),
            drawn(validation, { line: { color: colors.looks[look.color], dash: "solid", width: 2.5 } }),
          ],
          layout: {
            xaxis: { ...counted("epoch", epochs), range: [0.7, Math.max(2, epochs) + 0.3] },
            yaxis: axis(rows.flatMap((row) => [row[train], row[validation]])),
            uirevision: epochs,
            annotations: rows.length ? [] : [note(colors, ended ? NONE : FIRST)],
          },
          legend: [
            { label: "training", own: { ...look, dash: look.dotted } },
            { label: "validation", own: { ...look, dash: "solid" } },
          ],
          caption: told(rows.at(-1)),
        };
      }),
  };
}
