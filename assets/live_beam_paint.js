// The picture of a beam tree on a canvas: tokens as stations, beams as coloured lines. Token text is only ever drawn,
// never made into markup. What would collide is left out, the most important labels first.
(() => {
  "use strict";
  if (!window.livePage || window.livePage.beamPaint) return;
  const { runs, isCore } = window.livePage.beamLayout;

  const LINES = [..."abcdefghi"].map((letter) => "seq-" + letter); // one a sequence, by number: see views/beam_tree.py
  const NAMES = [...LINES, "ink", "muted", "line", "panel", "raised", "page"];
  const GAP = 16, PADDING = 10; // between two columns: room for the edges, where no label stands; within a pill
  const FAR = 0.5; // below this zoom runs are read as pieces of text, not token by token

  const palette = (element) => {
    const style = getComputedStyle(element), found = {};
    for (const name of NAMES) found[name] = style.getPropertyValue("--plot-" + name).trim();
    found.mono = style.getPropertyValue("--plot-mono").trim();
    found.font = style.getPropertyValue("--plot-font").trim();
    return found;
  };
  const sumSize = ({ text }) => Math.max(10.5, text * 0.8);
  const sumFont = (scene) => `400 ${sumSize(scene)}px ${scene.colours.font}`;
  const isLit = (node) => isCore(node) && (node.line >= 0 || node.isLiving);
  const lineColour = (node, colours) => (isLit(node) ? colours[LINES[node.colour] ?? "muted"] : colours.muted);
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

  // Where a column begins. Zooming widens what stands in the columns, not the gaps between them, until it is far out.
  const gap = (kx) => GAP * Math.min(1, kx / FAR);
  const place = ({ xs, view }, step) => view.tx + xs[step + 1] * view.kx + (step + 1) * gap(view.kx);

  // What a node says and how much room it takes; sets node.box = {x, y, w, label, value, hit} in screen pixels.
  const stations = (ctx, scene) => {
    const { nodes, view, size, colours, focus } = scene;
    const importance = (node) => (focus.has(node) ? 0 : node.line === 0 ? 1 : node.line > 0 ? 2 + node.line / 100
      : node.isLiving ? 3 : isCore(node) ? 4 : 5 + node.index / 1000);
    const columns = new Map();
    for (const node of nodes) {
      node.box = { x: place(scene, node.step), y: view.ty + node.shownY * view.ky, w: 0, label: "", value: false };
      if (node.box.x < -200 || node.box.x > size.width + 20) continue;
      if (!columns.has(node.step)) columns.set(node.step, []);
      columns.get(node.step).push(node);
    }
    for (const column of columns.values()) {
      const taken = [];
      const fits = (top, bottom) => taken.every(([from, to]) => bottom <= from || top >= to);
      const write = (node) => {
        const { box } = node, strong = isLit(node);
        const big = strong ? scene.text : scene.text - 1;
        const room = focus.has(node) ? 200 : place(scene, node.step + 1) - box.x - GAP + (strong ? 3 : 0);
        box.font = `${node.line === 0 || focus.has(node) ? 700 : strong ? 600 : 400} ${big}px ${colours.mono}`;
        if (room < 10 || (view.kx < FAR && !focus.has(node))) { taken.push([box.y - 2, box.y + 2]); return; }
        const space = (strong ? [4.5, 1.5] : [2]).find((each) => fits(box.y - big / 2 - each, box.y + big / 2 + each));
        if (space === undefined) { if (strong) taken.push([box.y - 3, box.y + 3]); return; }
        box.tall = big / 2 + space;
        box.label = elided(ctx, box.font, node.label, room - (strong ? PADDING : 2));
        if (!box.label) return;
        box.w = measured(ctx, box.font, box.label) + (strong ? PADDING : 2);
        taken.push([box.y - box.tall, box.y + box.tall]);
      };
      const addSum = (node) => { // where there is room for it
        const { box } = node, low = box.y + box.tall + sumSize(scene) + 3;
        if (!box.label) return;
        box.value = place(scene, node.step + 1) - box.x > measured(ctx, sumFont(scene), number(node.cum)) + 2
          && fits(box.y + box.tall, low);
        if (box.value) taken.push([box.y + box.tall, low]);
      };
      column.sort((a, b) => importance(a) - importance(b));
      const lit = column.filter(isLit);
      lit.forEach(write);
      lit.forEach(addSum);
      for (const node of column) if (!isLit(node)) write(node);
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

  const haloed = (ctx, text, x, y, ink, paper) => { // legible where a line passes behind it
    ctx.lineWidth = 3;
    ctx.lineJoin = "round";
    ctx.strokeStyle = paper;
    ctx.strokeText(text, x, y);
    ctx.fillStyle = ink;
    ctx.fillText(text, x, y);
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
    const { nodes, root, view, size, colours, focus } = scene;
    ctx.setTransform(size.ratio, 0, 0, size.ratio, 0, 0);
    ctx.clearRect(0, 0, size.width, size.height);
    ctx.textBaseline = "middle";
    ctx.lineCap = "round";
    stations(ctx, scene);
    root.box = { x: place(scene, -1) - 12, y: view.ty + root.shownY * view.ky, w: 0 };
    prompt(ctx, scene);

    const rank = (node) => (node.onPath ? 9 : node.line >= 0 ? 8 - Math.min(node.line, 6) / 10 : node.isLiving ? 5 : isCore(node) ? 2 : 1);
    const inOrder = nodes.filter((node) => (node.box.x > -200 && node.parent.box.x < size.width)).sort((a, b) => rank(a) - rank(b));
    for (const node of inOrder) {
      const core = isCore(node), lit = isLit(node);
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
    if (view.kx < FAR) runLabels(ctx, scene);
  };

  const label = (ctx, node, scene, focus) => {
    const { colours, hovered, picked } = scene;
    const { box } = node;
    if (!box.label) {
      if (!isCore(node)) { ctx.globalAlpha = 0.6; ctx.fillStyle = colours.muted; ctx.beginPath(); ctx.arc(box.x, box.y, 1.5, 0, 7); ctx.fill(); }
      if (node.fate === "finished") flag(ctx, box.x, box.y - 3, lineColour(node, colours));
      return;
    }
    const strong = isLit(node);
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
    if (strong || focus.has(node)) ctx.fillText(box.label, box.x + (strong ? PADDING / 2 : 1), box.y + 0.5);
    else haloed(ctx, box.label, box.x + 1, box.y + 0.5, colours.muted, colours.panel);
    if (box.value) {
      ctx.font = sumFont(scene);
      haloed(ctx, number(node.cum), box.x + 3, box.y + box.tall + sumSize(scene) / 2 + 2.5, colours.muted, colours.panel);
    }
    if (node.fate === "finished") flag(ctx, box.x + box.w + 3, box.y - 2, colour);
  };

  const prompt = (ctx, scene) => {
    const { root, colours, text } = scene;
    const { box } = root, font = `400 ${text}px ${colours.mono}`;
    const room = place(scene, 0) - root.box.x - 2 * GAP - 6;
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours.muted;
    ctx.font = font;
    const words = room < 24 ? "" : [...root.label];
    let shown = words && words.join("");
    while (words.length > 1 && measured(ctx, font, shown) > room) { words.shift(); shown = "…" + words.join(""); }
    if (shown) ctx.fillText(shown, box.x, box.y);
    box.w = shown ? measured(ctx, font, shown) + 10 : 0;
    ctx.fillStyle = colours.ink;
    ctx.beginPath();
    ctx.arc(box.x + box.w, box.y, 4.5, 0, 7);
    ctx.fill();
    box.w += 2;
  };

  // Far out, a run that does not branch is read as one piece of text along its line.
  const runLabels = (ctx, scene) => {
    const { root, children, colours, text, size } = scene;
    const taken = [], font = `600 ${text}px ${colours.mono}`;
    const chains = runs(root, children, isLit).sort((a, b) => a[0].line - b[0].line);
    for (const chain of chains) {
      const first = chain[0].box;
      const last = chain[chain.length - 1];
      const end = last.fate === "finished" ? last.box.x - 3 : place(scene, last.step + 1) - 14; // a flag stands there
      const x = Math.max(first.x, 4), room = Math.min(end, size.width) - x;
      const shown = room > 20 ? elided(ctx, font, chain.map((node) => node.label.replaceAll("␣", " ")).join("").trim(), room) : "";
      const box = [x, first.y - text - 8, x + measured(ctx, font, shown) + 6, first.y - 4];
      if (!shown || taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
      taken.push(box);
      ctx.font = font;
      haloed(ctx, shown, x, first.y - text / 2 - 6, chain[0].line === 0 ? colours.ink : lineColour(chain[0], colours), colours.panel);
    }
  };

  // Columns are as wide as what stands in them: kept tokens whole, if they are not very long. xs[0] is the prompt's,
  // xs[step + 1] that of a step, the last one the end.
  const columns = (ctx, layers, root, colours) => {
    const width = (label, most) => Math.min(most, measured(ctx, `600 13.5px ${colours.mono}`, label) + PADDING + 1);
    const xs = [-Math.min(140, measured(ctx, `400 13.5px ${colours.mono}`, root.label) + 16 + GAP), 0];
    for (const { nodes } of layers) {
      xs.push(xs[xs.length - 1] + Math.max(26, ...nodes.map((node) => width(node.label, isCore(node) ? 104 : 50))));
    }
    return xs;
  };

  window.livePage.beamPaint = { paint, palette, columns, place, GAP, FAR };
})();
