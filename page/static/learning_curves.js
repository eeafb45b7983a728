// Training and validation curves of one job by epoch.

import { integerAxis } from "./axes.js";
import { buildLine, chart, MAX_MARKERS, NO_EPOCH, NO_EPOCH_YET, noteAnnotation } from "./charts.js";
import { scale, TITLES } from "./metrics.js";

/**
 * @param {{train: string, validation: string, title: string, signal: AbortSignal}} about
 * @returns {{element: HTMLElement, draw: (rows: object[], look: import("./line_styles.js").Look, epochs: number,
 *   ended: boolean) => Promise<void>}}
 */
export function createCurves({ train, validation, title, signal }) {
  const { axis, read, hover } = scale(validation);
  const readValue = (value) => read(value ?? Number.NaN);
  const describeRow = (row) =>
    row
      ? `After epoch ${row.epoch}: training ${readValue(row[train])}, validation ${readValue(row[validation])}.`
      : "No epoch is recorded.";
  const figure = chart({ name: validation, title, signal, size: "tall" });
  return {
    element: figure.element,
    draw: (rows, look, epochs, ended) =>
      figure.draw((colors) => {
        const x = rows.map((row) => row.epoch);
        const buildCurve = (metric, more) =>
          buildLine(colors, look, {
            x,
            y: rows.map((row) => row[metric]),
            name: TITLES[metric],
            hovertemplate: `epoch %{x}: %{y:${hover}}<extra>${TITLES[metric]}</extra>`,
            ...more,
          });
        return {
          data: [
            buildCurve(train, {
              line: { color: colors.looks[look.color], dash: look.dotted, width: 1.75 },
              marker: {
                color: colors.looks[look.color],
                symbol: `${look.symbol}-open`,
                size: 6,
                maxdisplayed: MAX_MARKERS,
              },
            }),
            buildCurve(validation, { line: { color: colors.looks[look.color], dash: "solid", width: 2.5 } }),
          ],
          layout: {
            xaxis: { ...integerAxis("epoch", epochs), range: [0.7, Math.max(2, epochs) + 0.3] },
            yaxis: axis(rows.flatMap((row) => [row[train], row[validation]])),
            uirevision: epochs,
            annotations: rows.length ? [] : [noteAnnotation(colors, ended ? NO_EPOCH : NO_EPOCH_YET)],
          },
          legend: [
            { label: "training", own: { ...look, dash: look.dotted } },
            { label: "validation", own: { ...look, dash: "solid" } },
          ],
          caption: describeRow(rows.at(-1)),
        };
      }),
  };
}
