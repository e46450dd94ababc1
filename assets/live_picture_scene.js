// Scene: a panel of the page as SVG shapes and words. What is DOM is drawn from its boxes, whose lengths are the numbers'; a
// canvas paints itself on Paper (`canvas.picture`), a Plotly chart is drawn anew from its figure (`holder.picture`).
(() => {
  "use strict";
  const page = window.livePage;
  if (page.drawPanel) return;
  const { Paper, svg, colour, paint, pixelCells, measure } = page.paper;

  // of no use on paper: what is pressed or only heard
  const SKIPPED = ".picture-tools, .chart-sketch, .bars-tip, .beam-tip, .beam-bar, .beam-spoken, .plot-ring, .plot-spoken, .spoken, .copy, .spacer, button:is(.lg, .md, .sm), [data-testid=block-info], input, select, textarea, [hidden], option, script, style, .unpictured";
  const pixels = (value) => parseFloat(value) || 0;

  const border = (style, box, out) => {
    const sides = ["Top", "Right", "Bottom", "Left"].map((side) => ({
      width: style[`border${side}Style`] === "none" ? 0 : pixels(style[`border${side}Width`]), ink: style[`border${side}Color`], dash: style[`border${side}Style`],
    }));
    if (!sides.some(({ width, ink }) => width && colour(ink)[1])) return;
    const [top, right, bottom, left] = sides, radius = pixels(style.borderTopLeftRadius);
    const dashes = ({ dash, width }) => (dash === "dashed" ? `${3 * width} ${2 * width}` : dash === "dotted" ? `${width} ${width}` : undefined);
    if (sides.every((one) => one.width === top.width && one.ink === top.ink)) {
      const w = top.width;
      out.append(svg("rect", { x: box.x + w / 2, y: box.y + w / 2, width: Math.max(0, box.width - w), height: Math.max(0, box.height - w),
        rx: Math.min(radius, box.height / 2) || undefined, fill: "none", ...paint("stroke", top.ink), "stroke-width": w, "stroke-dasharray": dashes(top) }));
      return;
    }
    const line = (side, x1, y1, x2, y2) => {
      if (side.width && colour(side.ink)[1]) out.append(svg("line", { x1, y1, x2, y2, ...paint("stroke", side.ink), "stroke-width": side.width, "stroke-dasharray": dashes(side) }));
    };
    const [r, b] = [box.x + box.width, box.y + box.height];
    line(top, box.x, box.y + top.width / 2, r, box.y + top.width / 2);
    line(right, r - right.width / 2, box.y, r - right.width / 2, b);
    line(bottom, box.x, b - bottom.width / 2, r, b - bottom.width / 2);
    line(left, box.x + left.width / 2, box.y, box.x + left.width / 2, b);
  };

  let gradients = 0;
  const gradient = (image, box, out) => { // linear ones of plain colours, as our scales are
    const inks = /^linear-gradient/.test(image) ? image.match(/(rgba?|color)\([^)]*\)/g) : null;
    if (!inks) return;
    const id = `ramp-${(gradients += 1)}`, isAcross = /to right|90deg/.test(image);
    const made = svg("linearGradient", { id, x2: isAcross ? 1 : 0, y2: isAcross ? 0 : 1 });
    inks.forEach((ink, i) => made.append(svg("stop", { offset: i / Math.max(1, inks.length - 1), ...paint("stop-color", ink) })));
    for (const stop of made.children) { // its opacity has a name of its own
      stop.setAttribute("stop-opacity", stop.getAttribute("stop-color-opacity") ?? "1");
      stop.removeAttribute("stop-color-opacity");
    }
    out.append(made, svg("rect", { ...box, fill: `url(#${id})` }));
  };

  const area = (style, box, out) => {
    const [, seen] = colour(style.backgroundColor);
    const rx = Math.min(pixels(style.borderTopLeftRadius), box.height / 2) || undefined;
    if (seen) out.append(svg("rect", { ...box, rx, ...paint("fill", style.backgroundColor) }));
    if (style.backgroundImage !== "none") gradient(style.backgroundImage, { ...box, rx }, out);
    border(style, box, out);
    const thick = style.outlineStyle === "none" || style.outlineStyle === "auto" ? 0 : pixels(style.outlineWidth);
    if (thick) out.append(svg("rect", { ...box, rx: rx ?? 3, fill: "none", ...paint("stroke", style.outlineColor), "stroke-width": thick }));
  };

  // The lines that a text is broken into, each with its box; cut where `room` (what shows an ellipsis) ends.
  const linesOf = (text, room) => {
    const range = document.createRange(), found = [];
    range.selectNodeContents(text);
    const all = [...range.getClientRects()].filter(({ width }) => width > 0);
    if (!all.length) return found;
    if (all.length === 1 && all[0].right <= room) return [{ words: text.data, box: all[0] }];
    let at = 0, isCut = false;
    for (const character of text.data) {
      range.setStart(text, at);
      range.setEnd(text, (at += character.length));
      const box = [...range.getClientRects()].at(-1);
      if (!box || (!box.width && !box.height)) continue;
      if (box.right > room) { isCut = true; continue; }
      const last = found.at(-1);
      if (last && Math.abs(last.box.top - box.top) < box.height / 2) {
        last.words += character;
        last.box = new DOMRect(last.box.x, last.box.y, box.right - last.box.x, last.box.height);
      } else found.push({ words: character, box });
    }
    if (isCut && found.length) found.at(-1).words = found.at(-1).words.replace(/.$/su, "…");
    return found;
  };

  const words = (text, style, at, room, out) => {
    const size = pixels(style.fontSize), isSpaced = style.whiteSpace.startsWith("pre") || style.whiteSpace === "break-spaces";
    const look = { "font-size": size, "font-weight": style.fontWeight, "font-family": style.fontFamily, ...paint("fill", style.color) };
    if (style.fontStyle === "italic") look["font-style"] = "italic";
    for (const { words: line, box } of linesOf(text, room)) {
      const said = (isSpaced ? line : line.replace(/\s+/g, " ").trim()).replace(/\n/g, "");
      if (!said) continue;
      const shown = style.textTransform === "uppercase" ? said.toUpperCase() : said;
      const x = box.x - at.x, y = box.y - at.y;
      if (style.writingMode.startsWith("vertical")) {
        const turn = style.transform === "none" ? 90 : -90;
        out.append(svg("text", { ...look, "text-anchor": "middle", transform: `translate(${(x + box.width / 2).toFixed(1)} ${(y + box.height / 2).toFixed(1)}) rotate(${turn}) translate(0 ${(0.35 * size).toFixed(1)})` }, shown));
        continue;
      }
      const { fontBoundingBoxAscent: up, fontBoundingBoxDescent: down } = measure(`${style.fontWeight} ${size}px ${style.fontFamily}`, "x");
      out.append(svg("text", { x, y: y + (box.height - up - down) / 2 + up, textLength: box.width || undefined, lengthAdjust: "spacingAndGlyphs", "xml:space": "preserve", ...look }, shown));
    }
  };

  const canvas = (element, box, out) => {
    if (!element.picture) { // a pixel a number
      const { width, height } = element, { data } = element.getContext("2d").getImageData(0, 0, width, height);
      out.append(pixelCells(new Uint32Array(data.buffer), width, height, box.x, box.y, box.width / width, box.height / height));
      return;
    }
    const group = svg("g", { transform: `translate(${box.x.toFixed(2)} ${box.y.toFixed(2)})` });
    element.picture(new Paper(group));
    out.append(group);
  };

  const DRAWN = ["stroke", "fill", "stroke-width", "stroke-opacity", "fill-opacity", "opacity", "stroke-linecap"];
  const copied = (element, box, out) => { // an SVG of the page, its style written out
    const copy = element.cloneNode(true), from = [element, ...element.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
    from.forEach((one, i) => {
      const style = getComputedStyle(one);
      for (const name of DRAWN) to[i].setAttribute(name, style.getPropertyValue(name));
      for (const name of ["class", "style"]) to[i].removeAttribute(name);
    });
    for (const [name, value] of Object.entries(box)) copy.setAttribute(name, value);
    copy.setAttribute("overflow", "visible");
    out.append(copy);
  };

  const walk = (element, at, room, out, charts) => {
    if (element.matches(SKIPPED)) return;
    const style = getComputedStyle(element), frame = element.getBoundingClientRect();
    if (style.display !== "contents" && !element.checkVisibility()) return; // in a drawer that is closed
    if (style.display === "none" || style.visibility === "hidden" || style.opacity === "0" || (style.position === "absolute" && frame.width <= 1)) return;
    const box = { x: frame.x - at.x, y: frame.y - at.y, width: frame.width, height: frame.height };
    const into = style.opacity === "1" ? out : svg("g", { opacity: Number(style.opacity) });
    if (into !== out) out.append(into);
    if (charts.has(element)) {
      const chart = charts.get(element);
      for (const [name, value] of Object.entries(box)) chart.setAttribute(name, value);
      into.append(chart);
      return;
    }
    if (style.display !== "contents") {
      const boxes = style.display === "inline" ? [...element.getClientRects()] : [frame];
      for (const one of boxes) area(style, { x: one.x - at.x, y: one.y - at.y, width: one.width, height: one.height }, into);
    }
    if (element.localName === "canvas") { if (frame.width && element.width) canvas(element, box, into); return; }
    if (element.localName === "svg") { copied(element, box, into); return; }
    const before = getComputedStyle(element, "::before"); // a dot before its words
    if (before.content !== "none" && before.display === "inline-block" && colour(before.backgroundColor)[1]) {
      const width = pixels(before.width), height = pixels(before.height);
      into.append(svg("rect", { x: box.x + pixels(style.paddingLeft), y: box.y + pixels(style.paddingTop) + Math.max(0, (pixels(style.lineHeight) || 1.5 * pixels(style.fontSize)) - height) / 2, width, height, rx: Math.min(pixels(before.borderTopLeftRadius), width / 2) || undefined, ...paint("fill", before.backgroundColor) }));
    }
    const end = style.textOverflow === "ellipsis" && style.overflowX !== "visible" ? frame.right + 1 : Infinity, least = Math.min(room, end);
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) words(child, style, at, least, into);
      else if (child.nodeType === Node.ELEMENT_NODE) walk(child, at, least, into, charts);
    }
  };

  // What scrolls is drawn whole: opened for a moment in which the browser shows nothing. Returns what closes it.
  const opened = (panel) => {
    const before = [];
    for (const box of panel.querySelectorAll("*")) {
      const { overflowX, overflowY } = getComputedStyle(box);
      if (!/auto|scroll/.test(overflowX + overflowY) || (box.scrollWidth <= box.clientWidth + 1 && box.scrollHeight <= box.clientHeight + 1)) continue;
      before.push([box, box.getAttribute("style"), box.scrollLeft, box.scrollTop]);
      box.style.cssText += ";overflow:visible!important;max-height:none!important";
    }
    return () => {
      for (const [box, style, left, top] of before) {
        if (style === null) box.removeAttribute("style"); else box.setAttribute("style", style);
        box.scrollLeft = left;
        box.scrollTop = top;
      }
    };
  };

  // Plotly draws a heat map as a bitmap; on paper it is a square a cell, from its numbers.
  const between = (scale, share) => {
    const next = Math.max(0, scale.findIndex(([at]) => at >= share)), before = Math.max(0, next - 1);
    const [a, b] = [before, next].map((i) => colour(scale[i][1])[0].match(/[0-9a-f]{2}/g).map((part) => parseInt(part, 16)));
    const way = scale[next][0] - scale[before][0], part = way ? (share - scale[before][0]) / way : 0;
    return `rgb(${a.map((from, i) => Math.round(from + (b[i] - from) * part)).join(" ")})`;
  };
  const squares = ({ z, zmin, zmax, colorscale, xgap = 0, ygap = 0 }, image) => {
    const [left, top, width, height] = ["x", "y", "width", "height"].map((name) => Number(image.getAttribute(name)));
    const group = svg("g"), wide = width / z[0].length, high = height / z.length;
    z.forEach((row, up) => row.forEach((value, across) => {
      const share = Math.min(1, Math.max(0, (value - zmin) / (zmax - zmin)));
      group.append(svg("rect", { x: left + across * wide + xgap / 2, y: top + (z.length - 1 - up) * high + ygap / 2, width: wide - xgap,
        height: high - ygap, ...paint("fill", between(colorscale, share)) }));
    }));
    return group;
  };

  // {group, width, height}: all that the panel shows, its upper left corner at 0, 0.
  page.drawPanel = async (panel) => {
    const charts = new Map();
    for (const holder of panel.querySelectorAll(".live-plot")) {
      if (!holder.picture || !holder.checkVisibility()) continue;
      const text = await holder.picture(), chart = text && new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
      if (!chart) continue;
      const maps = holder.traces().filter(({ type }) => type === "heatmap");
      chart.querySelectorAll("image").forEach((image, i) => { if (maps[i]) image.replaceWith(squares(maps[i], image)); });
      charts.set(holder, document.importNode(chart, true));
    }
    const close = opened(panel), group = svg("g");
    try {
      const frame = panel.getBoundingClientRect();
      for (const child of panel.children) walk(child, frame, Infinity, group, charts);
      let [width, height] = [frame.width, frame.height];
      for (const part of panel.querySelectorAll("table, .live-text, .token-text, canvas, pre")) {
        const box = part.getBoundingClientRect();
        if (box.width) [width, height] = [Math.max(width, box.right - frame.x + 16), Math.max(height, box.bottom - frame.y + 12)];
      }
      return { group, width: Math.ceil(width), height: Math.ceil(height) };
    } finally { close(); }
  };
})();
