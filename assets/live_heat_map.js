// Heat-maps on canvas, a text with lines between its tokens, strips of numbers (see playground/components/heat_map.py).
(() => {
  "use strict";
  if (window.livePage.heatMap) return;
  const { soon, themed, node, entitle } = window.livePage;

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  // ---- colours of the theme that is on, as 256 steps -------------------------------------------------------------
  const channels = (colour) => {
    const probe = document.createElement("canvas").getContext("2d");
    probe.fillStyle = colour;
    probe.fillRect(0, 0, 1, 1);
    return probe.getImageData(0, 0, 1, 1).data;
  };
  const variable = (name) => getComputedStyle(document.body).getPropertyValue("--plot-" + name).trim();
  const ramps = new Map(); // theme and names -> 256 colours
  const ramp = (...names) => {
    const key = document.body.classList.contains("dark") + names.join();
    if (!ramps.has(key)) {
      const stops = names.map((name) => channels(variable(name)));
      const made = new Uint32Array(256);
      for (let i = 0; i < 256; i += 1) {
        const place = (i / 255) * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(place)), share = place - low;
        const [r, g, b] = [0, 1, 2].map((c) => Math.round(stops[low][c] * (1 - share) + stops[low + 1][c] * share));
        made[i] = (255 << 24) | (b << 16) | (g << 8) | r;
      }
      ramps.set(key, made);
    }
    return ramps.get(key);
  };
  const weightRamp = () => ramp("page", "accent-soft", "accent", "hot");

  const onScreen = (element, change) => new IntersectionObserver((entries) => change(entries[entries.length - 1].isIntersecting),
    { rootMargin: "30% 0px" }).observe(element);

  // ---- HeadGrid ----------------------------------------------------------------------------------------------------
  const headGrid = ({ element, props, watch }) => {
    const own = window.livePage.at(element);
    const root = element.querySelector(".head-grid");
    let data = null, maps = null, buttons = [], known = 0, isSeen = false, isStale = true;

    const build = () => {
      const { rows, columns, row_names: rowNames, column_names: columnNames } = data;
      root.style.setProperty("--columns", columns);
      const made = document.createDocumentFragment();
      made.append(node("span", "head-corner head-name", data.corner));
      for (const name of columnNames) made.append(node("span", "head-name", name));
      buttons = [];
      for (let r = 0; r < rows; r += 1) {
        made.append(node("span", "head-name head-row", rowNames[r]));
        for (let c = 0; c < columns; c += 1) {
          const button = node("button", "head");
          button.type = "button";
          button.dataset.row = r;
          button.dataset.column = c;
          button.append(node("canvas"));
          buttons.push(button);
          made.append(button);
        }
      }
      root.replaceChildren(made);
    };
    const draw = (button, map) => {
      const { side } = data, canvas = button.firstChild, colours = weightRamp();
      if (canvas.width !== side) canvas.width = canvas.height = side;
      const context = canvas.getContext("2d"), image = context.createImageData(side, side);
      const pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < pixels.length; i += 1) pixels[i] = colours[map[i]];
      context.putImageData(image, 0, 0);
    };
    const select = () => {
      for (const button of buttons) {
        const isChosen = Number(button.dataset.row) === data.selected[0]
          && (Number(button.dataset.column) === data.selected[1] || data.selected[1] < 0);
        button.setAttribute("aria-pressed", isChosen);
        button.tabIndex = -1;
      }
      const stop = buttons.find((button) => button.getAttribute("aria-pressed") === "true") ?? buttons[0];
      if (stop) stop.tabIndex = 0;
    };
    const paint = () => {
      if (!data || !isSeen) return;
      if (buttons.length !== data.rows * data.columns || root.dataset.shape !== data.rows + "×" + data.columns) build();
      root.dataset.shape = data.rows + "×" + data.columns;
      const size = data.side * data.side;
      buttons.forEach((button, i) => {
        draw(button, maps.subarray(i * size, (i + 1) * size));
        button.title = data.titles[i];
        button.setAttribute("aria-label", data.titles[i]);
      });
      select();
      isStale = false;
      root.dataset.drawn = data.number;
      root.dataset.lines = known;
    };
    const receive = () => {
      if (!props.value) return;
      data = JSON.parse(props.value);
      maps = bytes(data.maps);
      known = data.lines;
      isStale = true;
      soon(paint, true);
    };
    root.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) own.look(props.gaze, [Number(button.dataset.row), Number(button.dataset.column)]);
    });
    watch("value", receive);
    receive();
    own.subscribe(props.channel, (payload) => {
      if (data && !own.isAhead(props.gaze)) { data.selected = payload.selected; soon(select, false); }
    });
    own.subscribe(props.grows, ({ start, tokens, run }) => {
      if (!data || run !== data.run) return;
      const { side } = data, count = data.rows * data.columns;
      tokens.forEach(({ line, small }, j) => {
        if (start + j < known || line >= side) return;
        const fresh = bytes(small), width = fresh.length / count;
        for (let i = 0; i < count; i += 1) {
          maps.set(fresh.subarray(i * width, (i + 1) * width), i * side * side + line * side);
        }
        known = start + j + 1;
      });
      soon(paint, true);
    });
    themed.add(paint);
    onScreen(root, (seen) => { isSeen = seen; if (seen && isStale) soon(paint, true); });
  };

  // ---- HeatMap -----------------------------------------------------------------------------------------------------
  const heatMap = ({ element, props, watch }) => {
    const own = window.livePage.at(element);
    const root = element.querySelector(".heat-map"), canvas = root.querySelector("canvas"), words = root.querySelector(".grid-words");
    let data = null, lines = [], labels = [], marked = 0, isSeen = false, box = null;

    const paint = () => {
      if (!data || !isSeen || !root.clientWidth) return;
      const n = lines.length, style = getComputedStyle(canvas), scale = window.devicePixelRatio || 1;
      const largest = parseFloat(style.getPropertyValue("--largest")) || 620; // px; more at a projector
      const width = Math.min(root.clientWidth, largest), margin = Math.min(110, Math.max(64, width * 0.18));
      const cell = (width - margin - 4) / n, side = cell * n;
      box = { margin, cell, n };
      canvas.style.width = width + "px";
      canvas.style.height = margin + side + 4 + "px";
      canvas.width = width * scale;
      canvas.height = (margin + side + 4) * scale;
      const context = canvas.getContext("2d");
      context.scale(scale, scale);
      put(context, { n, margin, cell, side, style, largest });
      canvas.dataset.size = n;
      canvas.dataset.marked = marked;
      canvas.dataset.drawn = data.number;
      canvas.setAttribute("aria-label", data.label);
    };
    const squares = () => { // a pixel a weight
      const n = lines.length, pixels = new Uint32Array(n * n), colours = weightRamp();
      const [red, green, blue] = channels(variable("raised"));
      pixels.fill((255 << 24) | (blue << 16) | (green << 8) | red); // what the mask has taken out
      lines.forEach((line, q) => { for (let k = 0; k <= q; k += 1) pixels[q * n + k] = colours[line[k]]; });
      return pixels;
    };
    const put = (context, { n, margin, cell, side, style, largest }) => {
      const pixels = squares();
      if (context.isPaper) context.cells(pixels, n, n, margin, margin, cell);
      else {
        const small = document.createElement("canvas");
        small.width = small.height = n;
        small.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), n, n), 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, margin, margin, side, side);
      }
      context.strokeStyle = variable("chosen");
      context.lineWidth = 2.5;
      context.strokeRect(margin, margin + marked * cell, (marked + 1) * cell, Math.max(cell, 2));
      context.fillStyle = variable("ink");
      context.textBaseline = "middle";
      const size = Math.max(10, Math.min(largest / 44, cell * 0.9)), every = Math.ceil(12 / cell);
      const cut = (text) => (text.length > 11 ? text.slice(0, 10) + "…" : text);
      for (let i = 0; i < n; i += 1) {
        const isMarked = i === marked;
        if (!isMarked && (i % every || (every > 1 && Math.abs(i - marked) < every))) continue;
        context.font = `${isMarked ? 700 : 400} ${size}px ${style.getPropertyValue("--plot-mono")}`;
        context.textAlign = "right";
        context.fillText(cut(labels[i]), margin - 5, margin + (i + 0.5) * cell);
        context.save();
        context.translate(margin + (i + 0.5) * cell, margin - 5);
        context.rotate(-Math.PI / 2.6);
        context.textAlign = "left";
        context.fillText(cut(labels[i]), 0, 0);
        context.restore();
      }
    };
    canvas.picture = (paper) => {
      if (!box) return;
      const style = getComputedStyle(canvas);
      put(paper, { ...box, side: box.cell * box.n, style, largest: parseFloat(style.getPropertyValue("--largest")) || 620 });
    };
    const receive = () => {
      if (!props.value) return;
      data = JSON.parse(props.value);
      const all = bytes(data.map), n = data.size;
      lines = Array.from({ length: n }, (_, q) => all.subarray(q * n, (q + 1) * n));
      labels = data.labels.slice();
      if (!own.isAhead(props.gaze)) marked = data.marked;
      words.textContent = data.words;
      soon(paint, true);
    };
    const at = (event) => {
      if (!box) return null;
      const rect = canvas.getBoundingClientRect();
      const key = Math.floor((event.clientX - rect.left - box.margin) / box.cell);
      const query = Math.floor((event.clientY - rect.top - box.margin) / box.cell);
      return query >= 0 && query < box.n && key < box.n ? { query, key } : null;
    };
    const filled = (text, values) => text.replace(/%\{(\w+)\}/g, (_, name) => values[name]);
    canvas.addEventListener("pointermove", (event) => {
      const cell = at(event);
      if (!cell || cell.key < 0) return;
      const { query, key } = cell, weight = lines[query][key] / 255;
      words.textContent = key > query
        ? filled(data.blocked, { query: labels[query], key: labels[key] })
        : filled(data.hover, { query: labels[query], key: labels[key], weight: (100 * weight * weight).toFixed(1) });
    });
    canvas.addEventListener("pointerleave", () => { if (data) words.textContent = data.words; });
    const mark = (line) => { marked = line; own.look(props.gaze, line); soon(paint, true); };
    canvas.addEventListener("click", (event) => { const cell = at(event); if (cell) mark(cell.query); });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !lines[marked + step]) return;
      event.preventDefault();
      mark(marked + step);
    });
    watch("value", receive);
    receive();
    own.subscribe(props.channel, (payload) => { if (!own.isAhead(props.gaze)) { marked = payload.marked; soon(paint, true); } });
    own.subscribe(props.grows, ({ start, tokens, run }) => {
      if (!data || run !== data.run) return;
      tokens.forEach(({ label, large, head }, j) => {
        if (start + j < lines.length || head !== data.head) return;
        lines.push(bytes(large));
        labels.push(label);
      });
      marked = lines.length - 1;
      soon(paint, true);
    });
    themed.add(paint);
    onScreen(root, (seen) => { isSeen = seen; if (seen) soon(paint, true); });
    let width = 0;
    new ResizeObserver(() => { if (root.clientWidth !== width) { width = root.clientWidth; soon(paint, true); } }).observe(root);
  };

  // ---- TokenRays ---------------------------------------------------------------------------------------------------
  const tokenRays = ({ element, props }) => {
    const own = window.livePage.at(element);
    const outer = element.querySelector(".token-rays"), root = outer.querySelector(".rays-sheet"); // the sheet scrolls within
    const text = root.querySelector(".token-text"), drawing = root.querySelector("svg");
    let payload = null, number = 0;
    const reveal = (button) => {
      const frame = outer.getBoundingClientRect(), box = button.getBoundingClientRect();
      if (box.top < frame.top + 30) outer.scrollTop -= frame.top + 30 - box.top;
      else if (box.bottom > frame.bottom) outer.scrollTop += box.bottom - frame.bottom;
    };
    const svg = (tag, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    };
    const lines = () => {
      if (!payload || !root.clientWidth) return;
      const frame = root.getBoundingClientRect();
      const middle = (button) => {
        const box = button.getClientRects()[0] || button.getBoundingClientRect();
        return { x: box.left - frame.left + box.width / 2, top: box.top - frame.top, bottom: box.bottom - frame.top };
      };
      drawing.setAttribute("viewBox", `0 0 ${frame.width} ${frame.height}`);
      const from = text.children[payload.from];
      if (!from) { drawing.replaceChildren(); return; }
      const start = middle(from);
      drawing.replaceChildren(...payload.rays.filter(({ to }) => to !== payload.from && text.children[to]).map(({ to, weight }) => {
        const end = middle(text.children[to]);
        const isSameLine = Math.abs(start.top - end.top) < 6;
        const lift = isSameLine ? Math.min(34, 10 + Math.abs(start.x - end.x) * 0.12) : 18;
        const way = isSameLine
          ? `M${start.x},${start.top + 3} C${start.x},${start.top - lift} ${end.x},${end.top - lift} ${end.x},${end.top + 3}`
          : `M${start.x},${start.top + 3} C${start.x},${start.top - lift} ${end.x},${end.bottom + lift} ${end.x},${end.bottom - 3}`;
        return svg("path", { d: way, "stroke-width": 1.2 + 7 * weight, "stroke-opacity": 0.35 + 0.6 * Math.sqrt(weight) });
      }));
      drawing.dataset.lines = drawing.children.length;
    };
    const paint = () => {
      while (text.children.length > payload.tokens.length) text.lastElementChild.remove();
      payload.tokens.forEach((token, i) => {
        let button = text.children[i];
        if (!button) {
          button = node("button", "token");
          button.type = "button";
          button.dataset.index = i;
          text.append(button);
        }
        if (button.textContent !== token.text) button.textContent = token.text;
        button.title = token.title;
        entitle(button, token.text, token.title);
        button.style.setProperty("--shade", token.shade);
        button.classList.toggle("is-future", i > payload.from);
        button.setAttribute("aria-pressed", i === payload.from);
        button.tabIndex = i === payload.from ? 0 : -1;
      });
      text.dataset.frame = number;
      text.dataset.count = payload.tokens.length;
      if (text.children[payload.from]) reveal(text.children[payload.from]);
      lines();
    };
    text.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) own.look(props.gaze, Number(button.dataset.index));
    });
    text.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step && text.children[Number(event.target.dataset.index) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      own.look(props.gaze, Number(next.dataset.index));
    });
    own.subscribe(props.channel, (value, frame) => { payload = value; number = frame; soon(paint, false); });
    new ResizeObserver(() => soon(lines, false)).observe(root);
  };

  // ---- StationList -------------------------------------------------------------------------------------------------
  const stationList = ({ element, props }) => {
    const own = window.livePage.at(element);
    const root = element.querySelector(".station-list");
    let payload = null, number = 0, lines = [];
    let opened = null; // the block that is open, as the person wants it
    const turn = ({ picked }) => {
      if (picked === undefined) return;
      opened = picked === opened ? null : picked;
      own.look(props.gaze, opened);
      for (const { line } of lines) if (line.picked !== undefined) line.setAttribute("aria-expanded", line.picked === opened);
    };
    const made = () => {
      const line = node("div", "station");
      line.setAttribute("role", "listitem");
      const name = node("span", "station-name"), formula = node("span", "station-formula"), shape = node("span", "station-shape");
      const size = node("span", "station-size"), canvas = node("canvas", "station-strip");
      line.append(name, formula, shape, size, canvas);
      line.addEventListener("click", () => turn(line));
      line.addEventListener("keydown", (event) => {
        if (line.picked === undefined || (event.key !== "Enter" && event.key !== " ")) return;
        event.preventDefault();
        turn(line);
      });
      return { line, name, formula, shape, size, canvas };
    };
    const strip = (canvas, { rows, columns, data }) => {
      const numbers = bytes(data), colours = ramp("accent", "page", "hot");
      const [red, green, blue] = channels(variable("line"));
      const blocked = (255 << 24) | (blue << 16) | (green << 8) | red;
      canvas.width = columns;
      canvas.height = rows;
      const context = canvas.getContext("2d"), image = context.createImageData(columns, rows), pixels = new Uint32Array(image.data.buffer);
      for (let i = 0; i < pixels.length; i += 1) pixels[i] = numbers[i] ? colours[numbers[i]] : blocked;
      context.putImageData(image, 0, 0);
    };
    const paint = () => {
      while (lines.length > payload.rows.length) lines.pop().line.remove();
      payload.rows.forEach((row, i) => {
        if (!lines[i]) { lines[i] = made(); root.append(lines[i].line); }
        const { line, name, formula, shape, size, canvas } = lines[i];
        line.dataset.kind = row.kind;
        line.title = row.title || "";
        line.picked = row.pick;
        line.tabIndex = row.pick === undefined ? -1 : 0;
        line.setAttribute("aria-expanded", Boolean(row.open));
        if (row.pick === undefined) line.removeAttribute("aria-expanded");
        for (const [part, value] of [[name, row.name], [formula, row.formula], [shape, row.shape], [size, row.size]]) {
          if (part.textContent !== value) part.textContent = value;
        }
        canvas.hidden = !row.strip;
        if (row.strip) strip(canvas, row.strip);
      });
      root.dataset.frame = number;
    };
    own.subscribe(props.channel, (value, frame) => {
      payload = value;
      number = frame;
      if (!own.isAhead(props.gaze)) opened = value.rows.find((row) => row.open)?.pick ?? null;
      soon(paint, true);
    });
    themed.add(() => { if (payload) paint(); });
  };

  Object.assign(window.livePage, { headGrid, heatMap, tokenRays, stationList });
})();
