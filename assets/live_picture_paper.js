// Paper: a canvas's context that writes SVG instead of pixels, so that what paints a canvas draws a picture for print too.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.paper) return;

  const NS = "http://www.w3.org/2000/svg";
  // XML takes no control characters and no halves of a character; a token may hold both.
  const wellFormed = (text) => String(text).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "�").replace(/\p{Surrogate}/gu, "�");
  const svg = (tag, attributes = {}, text) => {
    const made = document.createElementNS(NS, tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null) made.setAttribute(name, typeof value === "number" ? Math.round(value * 100) / 100 : wellFormed(value));
    }
    if (text !== undefined) made.textContent = wellFormed(text);
    return made;
  };

  // Any colour of CSS as [#rrggbb, opacity]: not every reader of SVG knows color-mix().
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const colour = (value) => {
    if (!known.has(value)) {
      if (known.size > 5000) known.clear();
      probe.clearRect(0, 0, 1, 1);
      probe.fillStyle = "#000";
      probe.fillStyle = value;
      probe.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
      known.set(value, ["#" + [r, g, b].map((part) => part.toString(16).padStart(2, "0")).join(""), Math.round((a / 255) * 1000) / 1000]);
    }
    return known.get(value);
  };
  const paint = (name, value, alpha = 1) => {
    const [ink, opacity] = colour(value), seen = Math.round(opacity * alpha * 1000) / 1000;
    return { [name]: ink, ...(seen < 1 ? { [name + "-opacity"]: seen } : {}) };
  };

  // Cells of one colour each as one path a colour, a unit wide: `at(column, row)` names the colour, null for none.
  const cells = (columns, rows, at) => {
    const paths = new Map();
    for (let y = 0; y < rows; y += 1) {
      for (let x = 0; x < columns;) {
        const ink = at(x, y), from = x;
        while (x < columns && at(x, y) === ink) x += 1;
        if (ink !== null) paths.set(ink, (paths.get(ink) ?? "") + `M${from} ${y}h${x - from}v1h${from - x}z`);
      }
    }
    const group = svg("g", { "shape-rendering": "crispEdges" });
    for (const [ink, d] of paths) group.append(svg("path", { d, ...paint("fill", ink) }));
    return group;
  };

  // The numbers of an image, one pixel each, as cells of a size.
  const ink = (pixel) => (pixel >>> 24 ? `rgb(${pixel & 255} ${(pixel >> 8) & 255} ${(pixel >> 16) & 255} / ${(pixel >>> 24) / 255})` : null);
  const pixelCells = (pixels, columns, rows, x, y, width, height) => {
    const group = cells(columns, rows, (column, row) => ink(pixels[row * columns + column]));
    group.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${width} ${height})`);
    return group;
  };

  // What our painters use of CanvasRenderingContext2D; `into` is the group that it draws in.
  class Paper {
    constructor(into) {
      this.into = into;
      this.isPaper = true;
      this.kept = [];
      this.d = "";
      this.shift = "";
      this.dash = [];
      Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "10px sans-serif", textAlign: "left", textBaseline: "alphabetic", lineCap: "butt", lineJoin: "miter" });
    }

    put(tag, attributes, text) { this.into.append(svg(tag, { ...attributes, transform: this.shift || undefined }, text)); }
    setTransform() { /* the pixels of the screen are not those of a picture */ }
    clearRect() { /* it is empty */ }
    save() { this.kept.push(this.shift); }
    restore() { this.shift = this.kept.pop() ?? ""; }
    translate(x, y) { this.shift += `translate(${x.toFixed(2)} ${y.toFixed(2)})`; }
    rotate(angle) { this.shift += `rotate(${((angle * 180) / Math.PI).toFixed(2)})`; }
    scale() { /* as setTransform */ }
    setLineDash(dash) { this.dash = dash; }
    measureText(text) { probe.font = this.font; return probe.measureText(text); }

    beginPath() { this.d = ""; }
    moveTo(x, y) { this.d += `M${x.toFixed(2)} ${y.toFixed(2)}`; }
    lineTo(x, y) { this.d += `L${x.toFixed(2)} ${y.toFixed(2)}`; }
    bezierCurveTo(...at) { this.d += "C" + at.map((one) => one.toFixed(2)).join(" "); }
    arc(x, y, r) { this.d += `M${(x - r).toFixed(2)} ${y.toFixed(2)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`; } // whole circles only
    roundRect(x, y, w, h, r) {
      const [a, b] = [Math.max(0, w - 2 * r), Math.max(0, h - 2 * r)].map((one) => one.toFixed(2)), c = `a${r} ${r} 0 0 1 `;
      this.d += `M${(x + r).toFixed(2)} ${y.toFixed(2)}h${a}${c}${r} ${r}v${b}${c}${-r} ${r}h${-a}${c}${-r} ${-r}v${-b}${c}${r} ${-r}z`;
    }
    closePath() { this.d += "z"; }
    fill() { this.put("path", { d: this.d, ...paint("fill", this.fillStyle, this.globalAlpha) }); }
    stroke() {
      this.put("path", { d: this.d, fill: "none", ...paint("stroke", this.strokeStyle, this.globalAlpha), "stroke-width": this.lineWidth,
        "stroke-linecap": this.lineCap, "stroke-dasharray": this.dash.length ? this.dash.join(" ") : undefined });
    }
    fillRect(x, y, width, height) { this.put("rect", { x, y, width, height, ...paint("fill", this.fillStyle, this.globalAlpha) }); }
    cells(pixels, columns, rows, x, y, size) { this.into.append(pixelCells(pixels, columns, rows, x, y, size, size)); }
    strokeRect(x, y, width, height) { this.put("rect", { x, y, width, height, fill: "none", ...paint("stroke", this.strokeStyle, this.globalAlpha), "stroke-width": this.lineWidth }); }

    text(text, x, y, look) {
      const [, weight, size, family] = /^(?:(\d+|bold) )?([\d.]+)px (.+)$/.exec(this.font) ?? [null, "400", "10", "sans-serif"];
      this.put("text", { x, y: y + (this.textBaseline === "middle" ? 0.35 * size : 0), "font-size": Number(size), "font-weight": weight ?? "400", "font-family": family,
        "text-anchor": { right: "end", center: "middle" }[this.textAlign], "xml:space": "preserve", ...look }, text);
    }
    fillText(text, x, y) { this.text(text, x, y, paint("fill", this.fillStyle, this.globalAlpha)); }
    strokeText(text, x, y) {
      this.text(text, x, y, { fill: "none", ...paint("stroke", this.strokeStyle, this.globalAlpha), "stroke-width": this.lineWidth, "stroke-linejoin": this.lineJoin });
    }
  }

  page.paper = { Paper, svg, colour, paint, pixelCells, wellFormed, measure: (font, text) => { probe.font = font; return probe.measureText(text); } };
})();
