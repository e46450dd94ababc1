// The picture of a beam tree on a canvas: tokens as stations, beams as coloured lines. Token text is only ever drawn,
// never made into markup. What would collide is left out, the most important labels first.
(() => {
  "use strict";
  if (!window.livePage || window.livePage.beamPaint) return;
  const { runs, isCore } = window.livePage.beamLayout;

  const LINES = ["chosen", "accent", "green", "warm", "hot", "cool", "cut-typical-p"]; // one a sequence, best first
  const NAMES = [...new Set([...LINES, "ink", "muted", "line", "panel", "raised", "page"])];
  const GAP = 26; // between two columns: room for the edges, where no label stands

  const palette = (element) => {
    const style = getComputedStyle(element), found = {};
    for (const name of NAMES) found[name] = style.getPropertyValue("--plot-" + name).trim();
    found.mono = style.getPropertyValue("--plot-mono").trim();
    found.font = style.getPropertyValue("--plot-font").trim();
    return found;
  };
  const lineColour = (node, colours) => (node.line >= 0 ? colours[LINES[node.line] ?? "muted"] : colours.muted);
  const number = (value) => value.toFixed(2).replace("-", "−");

  const widths = new Map(); // "font|text" -> px
  const measured = (ctx, font, text) => {
    const key = font + "|" + text;
    if (!widths.has(key)) {
      if (widths.size > 20000) widths.clear();
      ctx.font = font;
      widths.set(key, ctx.measureText(text).width);
    }
    return widths.get(key);
  };
  const elided = (ctx, font, text, room) => {
    if (measured(ctx, font, text) <= room) return text;
    const letters = [...text];
    let low = 0, high = letters.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (measured(ctx, font, letters.slice(0, middle).join("") + "…") <= room) low = middle; else high = middle - 1;
    }
    return low ? letters.slice(0, low).join("") + "…" : "";
  };
  const pill = (ctx, x, y, width, height) => {
    ctx.beginPath();
    ctx.roundRect(x, y - height / 2, width, height, Math.min(7, height / 2));
  };

  // What a node says and how much room it takes; sets node.box = {x, y, w, label, value, hit} in screen pixels.
  const stations = (ctx, scene) => {
    const { nodes, view, column, size, colours, focus } = scene;
    const columnWidth = column * view.kx;
    const room = columnWidth - GAP;
    const importance = (node) => (focus.has(node) ? 0 : node.line === 0 ? 1 : node.line > 0 ? 2 + node.line / 100
      : node.isLiving ? 3 : isCore(node) ? 4 : 5 + node.index / 1000);
    const columns = new Map();
    for (const node of nodes) {
      node.box = { x: view.tx + node.step * columnWidth, y: view.ty + node.shownY * view.ky, w: 0, label: "", value: false };
      if (node.box.x < -columnWidth * 2 || node.box.x > size.width + columnWidth) continue;
      if (!columns.has(node.step)) columns.set(node.step, []);
      columns.get(node.step).push(node);
    }
    for (const column of columns.values()) {
      const taken = [];
      const fits = (top, bottom) => taken.every(([from, to]) => bottom <= from || top >= to);
      for (const node of column.sort((a, b) => importance(a) - importance(b))) {
        const { box } = node;
        const strong = isCore(node) && (node.line >= 0 || node.isLiving);
        const big = strong ? scene.text : scene.text - 1;
        box.font = `${node.line === 0 || focus.has(node) ? 700 : strong ? 600 : 400} ${big}px ${colours.mono}`;
        const wide = focus.has(node) ? Math.max(room, 90) : room;
        if (wide < 16) { taken.push([box.y - 2, box.y + 2]); continue; }
        const tall = big / 2 + (strong ? 5 : 2);
        if (!fits(box.y - tall, box.y + tall)) { continue; }
        box.label = elided(ctx, box.font, node.label, wide - (strong ? 12 : 2));
        if (!box.label) continue;
        box.w = measured(ctx, box.font, box.label) + (strong ? 12 : 2);
        box.tall = tall;
        const low = box.y + tall + 13;
        box.value = strong && wide > 34 && fits(box.y + tall, low);
        taken.push([box.y - tall, box.value ? low : box.y + tall]);
      }
    }
  };

  const edge = (ctx, parent, node) => {
    const from = parent.box.x + (parent.box.w || 0) + (parent.step < 0 ? 2 : 0), to = node.box.x;
    const bend = Math.max(8, (to - from) * 0.55);
    ctx.beginPath();
    ctx.moveTo(from, parent.box.y);
    ctx.bezierCurveTo(from + bend, parent.box.y, to - bend, node.box.y, to, node.box.y);
    ctx.stroke();
  };
  const strokeThrough = (ctx, node) => { // a station without a label: the line goes on through it
    if (node.box.w) return;
    ctx.beginPath();
    ctx.arc(node.box.x, node.box.y, ctx.lineWidth / 2 + 0.6, 0, 7);
    ctx.fill();
  };

  const flag = (ctx, x, y, colour) => { // the sequence ends here
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.lineWidth = 1.6;
    ctx.beginPath();
    ctx.moveTo(x, y + 6); ctx.lineTo(x, y - 9);
    ctx.stroke();
    ctx.beginPath();
    ctx.moveTo(x, y - 9); ctx.lineTo(x + 9, y - 5.5); ctx.lineTo(x, y - 2);
    ctx.fill();
  };

  const paint = (ctx, scene) => {
    const { nodes, root, view, size, colours, focus, column } = scene;
    ctx.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    ctx.clearRect(0, 0, size.width, size.height);
    ctx.textBaseline = "middle";
    ctx.lineCap = "round";
    stations(ctx, scene);
    root.box = { x: view.tx - column * view.kx, y: view.ty + root.shownY * view.ky, w: 0 };
    prompt(ctx, scene);

    const rank = (node) => (node.onPath ? 9 : node.line >= 0 ? 8 - Math.min(node.line, 6) / 10 : node.isLiving ? 5 : isCore(node) ? 2 : 1);
    const inOrder = nodes.filter((node) => (node.box.x > -column * view.kx && node.parent.box.x < size.width)).sort((a, b) => rank(a) - rank(b));
    for (const node of inOrder) {
      const core = isCore(node), lit = core && (node.line >= 0 || node.isLiving);
      ctx.setLineDash(core ? [] : [2, 4]);
      ctx.globalAlpha = core ? (lit ? 1 : 0.55) : 0.5;
      ctx.lineWidth = node.onPath ? 5 : node.line === 0 ? 4.5 : lit ? 3 : 1.3;
      ctx.strokeStyle = ctx.fillStyle = node.onPath && node.line < 0 ? colours.ink : lit ? lineColour(node, colours) : colours.muted;
      edge(ctx, node.parent, node);
      if (core) strokeThrough(ctx, node);
    }
    ctx.setLineDash([]);
    for (const node of inOrder) label(ctx, node, scene, focus);
    ctx.globalAlpha = 1;
    if (column * view.kx - GAP < 16) runLabels(ctx, scene);
  };

  const label = (ctx, node, { colours, hovered, picked }, focus) => {
    const { box } = node;
    if (!box.label) {
      if (!isCore(node)) { ctx.globalAlpha = 0.6; ctx.fillStyle = colours.muted; ctx.beginPath(); ctx.arc(box.x, box.y, 1.5, 0, 7); ctx.fill(); }
      if (node.fate === "finished") flag(ctx, box.x, box.y - 3, lineColour(node, colours));
      return;
    }
    const strong = isCore(node) && (node.line >= 0 || node.isLiving);
    const colour = lineColour(node, colours);
    ctx.globalAlpha = 1;
    if (strong || focus.has(node)) {
      const inset = strong ? 0 : 4;
      pill(ctx, box.x - inset, box.y, box.w + 2 * inset, 2 * box.tall);
      ctx.fillStyle = colours.panel;
      ctx.fill();
      ctx.globalAlpha = node.line === 0 ? 0.22 : 0.08;
      ctx.fillStyle = colour;
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.lineWidth = node === picked || node === hovered ? 2.6 : node.line === 0 ? 2 : 1.4;
      ctx.strokeStyle = node === picked || node === hovered ? colours.ink : colour;
      ctx.stroke();
    }
    ctx.globalAlpha = isCore(node) || focus.has(node) ? 1 : 0.85;
    ctx.fillStyle = strong || focus.has(node) ? colours.ink : colours.muted;
    ctx.font = box.font;
    ctx.fillText(box.label, box.x + (strong ? 6 : 1), box.y + 0.5);
    if (box.value) {
      ctx.font = `400 11px ${colours.font}`;
      ctx.fillStyle = colours.muted;
      ctx.fillText(number(node.cum), box.x + 3, box.y + box.tall + 7.5);
    }
    if (node.fate === "finished") flag(ctx, box.x + box.w + 3, box.y - 2, colour);
  };

  const prompt = (ctx, { root, view, colours, text, column }) => {
    const { box } = root, font = `400 ${text}px ${colours.mono}`;
    const room = column * view.kx - GAP;
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours.muted;
    ctx.font = font;
    const words = room < 24 ? "" : [...root.label];
    let shown = words && words.join("");
    while (words.length > 1 && measured(ctx, font, shown) > room) { words.shift(); shown = "…" + words.join(""); }
    if (shown) ctx.fillText(shown, box.x, box.y);
    box.w = shown ? measured(ctx, font, shown) + 12 : 0;
    ctx.fillStyle = colours.ink;
    ctx.beginPath();
    ctx.arc(box.x + box.w, box.y, 4.5, 0, 7);
    ctx.fill();
    box.w += 2;
  };

  // Far out, a run that does not branch is read as one piece of text along its line.
  const runLabels = (ctx, scene) => {
    const { root, children, colours, text, view, column, size } = scene;
    const taken = [], font = `600 ${text}px ${colours.mono}`;
    const chains = runs(root, children).filter((chain) => chain[0].line >= 0 || chain[0].isLiving)
      .sort((a, b) => a[0].line - b[0].line);
    for (const chain of chains) {
      const first = chain[0].box, last = chain[chain.length - 1].box;
      const x = Math.max(first.x, 4), room = Math.min(last.x + column * view.kx, size.width) - x - 8;
      const shown = room > 20 ? elided(ctx, font, chain.map((node) => node.label.replaceAll("␣", " ")).join("").trim(), room) : "";
      const box = [x, first.y - text - 8, x + measured(ctx, font, shown), first.y - 4];
      if (!shown || taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      ctx.font = font;
      ctx.lineWidth = 4;
      ctx.strokeStyle = colours.panel;
      ctx.strokeText(shown, x, first.y - text / 2 - 6);
      ctx.fillStyle = chain[0].line === 0 ? colours.ink : lineColour(chain[0], colours);
      ctx.fillText(shown, x, first.y - text / 2 - 6);
    }
  };

  window.livePage.beamPaint = { paint, palette, number, LINES };
})();
