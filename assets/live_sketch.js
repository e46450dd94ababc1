// A chart drawn on a canvas in a millisecond or two, where Plotly takes thirty: for pictures that go on changing. Plotly
// draws the same figure, with all that can be pointed at, as soon as it stands still (live_plot.js).
(() => {
  "use strict";
  const page = window.livePage;
  if (page.sketch) return;

  // ---- what it can draw: lines, markers and upright bars over number axes --------------------------------------------
  const canDraw = ({ data, layout }) => data.length > 0 && layout.xaxis?.range && layout.yaxis?.range
    && data.every(({ type, orientation }) => type === "scatter" || (type === "bar" && orientation !== "h"));

  // ---- axes, as Plotly has them -------------------------------------------------------------------------------------
  const scaleOf = ({ type, range: [low, high] }, start, length) => (value) => {
    const at = type === "log" ? Math.log10(value) : value;
    return start + length * ((at - low) / (high - low));
  };
  const short = (value) => (value < 1e4 ? String(value) : value < 1e6 ? value / 1e3 + "k" : value < 1e9 ? value / 1e6 + "M" : value / 1e9 + "B");
  const ticksOf = (axis) => { // [value, words]
    if (axis.tickvals) return axis.tickvals.map((value, i) => [value, axis.ticktext?.[i] ?? String(value)]);
    const [low, high] = axis.range, found = [];
    if (axis.type === "log") {
      for (let power = Math.ceil(low); power <= high; power += 1) found.push([10 ** power, short(10 ** power)]);
      return found;
    }
    const rough = (high - low) / (axis.nticks || 6), base = 10 ** Math.floor(Math.log10(rough));
    const step = base * [2, 5, 10].find((one) => one >= rough / base);
    const decimals = Math.max(0, -Math.floor(Math.log10(step)));
    for (let i = Math.ceil(low / step); i * step <= high; i += 1) found.push([i * step, (i * step).toFixed(decimals)]);
    return found;
  };

  // ---- words: Plotly's own small HTML, of which figures use <br>, <b> and coloured spans ------------------------------
  const decoder = document.createElement("textarea"); // entities become characters; nothing in it is ever run or shown
  const decoded = (text) => {
    if (!text.includes("&")) return text;
    decoder.innerHTML = text.replaceAll("<", "&lt;");
    return decoder.value;
  };
  const linesOf = (text, ink) => text.split("<br>").map((line) => {
    const pieces = [], colours = [ink];
    let bold = false;
    for (const part of line.split(/(<[^>]*>)/)) {
      const colour = /^<span style="color:(.+)">$/.exec(part);
      if (colour) colours.push(colour[1]);
      else if (part === "</span>") colours.pop();
      else if (part === "<b>" || part === "</b>") bold = part === "<b>";
      else if (part) pieces.push({ text: decoded(part), colour: colours.at(-1), bold });
    }
    return pieces;
  });
  const fontOf = ({ size, family }, bold) => `${bold ? "700 " : ""}${size}px ${family}`;

  const drawn = (canvas, { data, layout }, colourOf) => {
    const { width, height, margin, font } = layout, ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      canvas.style.cssText = `width:${width}px;height:${height}px`;
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.miterLimit = 2;
    const left = margin.l, top = margin.t, right = width - margin.r, bottom = height - margin.b;
    const x = scaleOf(layout.xaxis, left, right - left), y = scaleOf(layout.yaxis, bottom, top - bottom);
    const own = (one) => ({ ...font, ...one });
    const words = (text, at, under, align, one) => {
      pen.font = fontOf(one);
      pen.textAlign = align;
      pen.fillStyle = one.color;
      pen.fillText(decoded(text), at, under);
    };
    const line = (x0, y0, x1, y1, colour, thick) => {
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.setLineDash([]);
      pen.beginPath();
      pen.moveTo(x0, y0);
      pen.lineTo(x1, y1);
      pen.stroke();
    };
    const crisp = (at) => Math.round(at - 0.5) + 0.5;

    const shape = (one) => {
      const upright = [bottom - (bottom - top) * one.y0, bottom - (bottom - top) * one.y1];
      const [from, to] = [x(one.x0), x(one.x1)];
      if (one.type === "rect") {
        pen.fillStyle = one.fillcolor;
        pen.fillRect(Math.max(left, from), upright[1], Math.min(right, to) - Math.max(left, from), upright[0] - upright[1]);
      } else if (from >= left && from <= right) line(from, upright[0], to, upright[1], one.line.color, one.line.width);
    };
    const isBelow = ({ layer }) => layer === "below";
    for (const one of (layout.shapes ?? []).filter(isBelow)) shape(one);

    // grid and the words of the axes
    const xTicks = ticksOf(layout.xaxis), yTicks = ticksOf(layout.yaxis);
    const within = (at, low, high) => at >= low - 0.5 && at <= high + 0.5;
    const { xaxis, yaxis } = layout, xFont = own(xaxis.tickfont), yFont = own(yaxis.tickfont);
    for (const [value, text] of xTicks) {
      const at = x(value);
      if (!within(at, left, right)) continue;
      if (xaxis.showgrid !== false) line(crisp(at), top, crisp(at), bottom, xaxis.gridcolor, 1);
      if (!xaxis.tickangle) { words(text, at, bottom + xFont.size + 1, "center", xFont); continue; }
      pen.save();
      pen.translate(at, bottom + xFont.size / 2 + 1);
      pen.rotate((xaxis.tickangle * Math.PI) / 180);
      words(text, 0, xFont.size / 2, "right", xFont);
      pen.restore();
    }
    for (const [value, text] of yTicks) {
      const at = y(value);
      if (!within(at, top, bottom)) continue;
      if (yaxis.showgrid !== false) line(left, crisp(at), right, crisp(at), yaxis.gridcolor, 1);
      words(text, left - 1, at + 0.35 * yFont.size, "right", yFont);
    }
    const title = xaxis.title?.text ? own(xaxis.title.font) : null;
    if (title) words(xaxis.title.text, (left + right) / 2, titlePlace(bottom, title.size, height), "center", title);

    // the marks
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left, bottom - top);
    pen.clip();
    for (const trace of data.filter(({ type }) => type === "bar")) {
      pen.fillStyle = trace.marker.color;
      trace.x.forEach((value, i) => {
        const from = x(value - trace.width / 2), to = x(value + trace.width / 2), high = y(trace.y[i]);
        pen.fillRect(from, high, to - from, y(0) - high);
      });
    }
    for (const trace of data.filter(({ type }) => type === "scatter")) {
      pen.strokeStyle = pen.fillStyle = trace.line.color;
      pen.lineWidth = trace.line.width;
      pen.setLineDash(trace.line.dash === "dot" ? [Math.max(3, trace.line.width), Math.max(3, trace.line.width)] : []);
      pen.beginPath();
      trace.x.forEach((value, i) => { if (trace.y[i] > 0 || yaxis.type !== "log") pen.lineTo(x(value), y(trace.y[i])); });
      pen.stroke();
      if (!trace.mode.includes("markers")) continue;
      trace.x.forEach((value, i) => {
        pen.beginPath();
        pen.arc(x(value), y(trace.y[i]), trace.marker.size / 2, 0, 2 * Math.PI);
        pen.fill();
      });
    }
    pen.restore();
    for (const one of (layout.shapes ?? []).filter((each) => !isBelow(each))) shape(one);

    for (const one of layout.annotations ?? []) {
      const style = own(one.font), lines = linesOf(one.text, style.color);
      pen.font = fontOf(style);
      const { fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = pen.measureText("x");
      for (const pieces of lines) for (const piece of pieces) { pen.font = fontOf(style, piece.bold); piece.width = pen.measureText(piece.text).width; }
      const widths = lines.map((pieces) => pieces.reduce((sum, { width: wide }) => sum + wide, 0)), longest = Math.max(...widths);
      const pad = (one.borderpad ?? 1) + 1, wide = longest + 2 * pad;
      const high = Math.round(ascent + descent) + (lines.length - 1) * 1.3 * style.size + 2 * pad;
      const at = one.xref === "paper" ? left + one.x * (right - left) : left + (right - left) * ((one.x - xaxis.range[0]) / (xaxis.range[1] - xaxis.range[0]));
      const from = one.yref === "paper" ? bottom - one.y * (bottom - top) : bottom - (bottom - top) * ((one.y - yaxis.range[0]) / (yaxis.range[1] - yaxis.range[0]));
      const boxLeft = Math.round(at + (one.xshift ?? 0) - { left: 0, right: wide }[one.xanchor]);
      const boxTop = Math.round(from - (one.yshift ?? 0) - ({ top: 0, bottom: high }[one.yanchor] ?? high / 2));
      if (one.bgcolor) { pen.fillStyle = one.bgcolor; pen.fillRect(boxLeft + 0.5, boxTop + 0.5, wide - 1, high - 1); }
      lines.forEach((pieces, i) => {
        let place = boxLeft + pad + { left: 0, right: longest - widths[i] }[one.align === "right" ? "right" : "left"];
        for (const piece of pieces) {
          pen.font = fontOf(style, piece.bold);
          pen.textAlign = "left";
          pen.fillStyle = colourOf(piece.colour);
          pen.fillText(piece.text, place, boxTop + pad + Math.round(ascent) + i * 1.3 * style.size);
          place += piece.width;
        }
      });
    }
  };
  const titlePlace = (bottom, size, height) => Math.min(bottom + 10 + 3 * size, height - 3);

  page.sketch = { canDraw, draw: drawn };
})();
