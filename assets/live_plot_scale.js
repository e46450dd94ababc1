// Charts as large as the page: where the style sheet says so (--chart, see style_wide.css), what a figure measures in
// pixels grows with them: its words, margins, lines and marks.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.enlarge) return;

  const SMALLEST = 12.4; // px before scaling: on a wide page no word is smaller than 16
  const IN_PIXELS = new Set(["xshift", "yshift", "borderpad", "standoff"]);
  const times = (value, factor) => (Array.isArray(value) ? value.map((one) => times(one, factor)) : typeof value === "number" ? value * factor : value);
  const font = (size, factor) => (Array.isArray(size) ? size.map((one) => font(one, factor)) : Math.round(Math.max(size, SMALLEST) * factor));

  const grow = (part, factor) => {
    for (const [key, value] of Object.entries(part)) {
      if (IN_PIXELS.has(key)) part[key] = times(value, factor);
      if (!value || typeof value !== "object") continue;
      if (Array.isArray(value)) {
        for (const one of value) if (one && typeof one === "object" && !Array.isArray(one)) grow(one, factor);
        continue;
      }
      if (/font$/.test(key) && value.size) value.size = font(value.size, factor);
      if (key === "marker" && value.size) value.size = times(value.size, factor);
      if (key === "line" && value.width) value.width = times(value.width, factor);
      if (key === "margin") for (const side of Object.keys(value)) value[side] = times(value[side], factor);
      grow(value, factor);
    }
  };
  // Changes the figure, a copy, in place.
  page.chartFactor = (holder) => Number(getComputedStyle(holder).getPropertyValue("--chart")) || 1;
  page.enlarge = (data, layout, factor) => {
    if (factor === 1) return;
    for (const trace of data) grow(trace, factor);
    grow(layout, factor);
  };
})();
