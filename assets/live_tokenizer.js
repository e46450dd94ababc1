// The components of the Tokenizer tab: coloured tokens, rows of boxes, a stepper. Built on live.js; token text is only
// ever set as textContent or attribute.
(() => {
  "use strict";
  const page = window.livePage;
  if (!page || page.tokenSpans) return;
  const { soon, node, entitle, scrolls } = page;

  const COLOURS = 5;
  const CHUNK = 400; // tokens in one block of the text: the browser lays out the blocks on screen only
  const SETTLED = 350; // ms without a new text
  const fill = (template, values) => template.replace(/\{(\w+)\}/g, (blank, name) => values[name] ?? blank);

  // ---- TokenSpans: a text as tokens; only what changed since the last payload is touched -------------------------
  const tokenSpans = ({ element, props, trigger }) => {
    const own = page.at(element);
    const facts = element.querySelector(".token-facts"), text = element.querySelector(".token-spans");
    const note = element.querySelector(".token-note"), detail = element.querySelector(".token-detail");
    const list = element.querySelector(".token-ids"), listed = scrolls(list);
    let shown = { run: -1, ids: [], spans: [], kinds: {}, gaps: {}, pieces: {}, marks: [] }, next = null;
    let tokens = []; // {id, kind, gap, span: button, number: span of the id, hole: text before it}
    let lit = null, chosen = null, timer = 0, number = 0;

    const made = (id, kind, gap, pieces, before) => {
      const [label, bytes] = pieces[id];
      const span = node("button", "tok", label);
      span.type = "button";
      span.tabIndex = -1;
      span.dataset.kind = kind;
      entitle(span, label, fill(props.texts.token, { label, id, bytes }));
      const idText = node("span", "tok-id", String(id));
      const colour = before === undefined ? 0 : (before + 1) % COLOURS;
      for (const one of [span, idText]) one.dataset.colour = colour;
      const token = { id, kind, gap, span, number: idText, colour, nodes: [span] };
      if (gap !== "") token.nodes.unshift(node("span", "tok-gap", gap));
      if (label.endsWith("⏎")) token.nodes.push(node("br"));
      span.token = idText.token = token;
      return token;
    };
    // The tokens [from, to) give way to `fresh`; the blocks they stand in are mended, none is rebuilt.
    const splice = (from, to, fresh) => {
      for (const token of tokens.slice(from, to)) { token.number.remove(); for (const one of token.nodes) one.remove(); }
      const after = tokens[to], before = tokens[from - 1];
      tokens = tokens.slice(0, from).concat(fresh, tokens.slice(to));
      if (fresh.length && after && fresh.at(-1).colour === after.colour) {
        const last = fresh.at(-1);
        last.colour = (last.colour + 2) % COLOURS;
        last.span.dataset.colour = last.number.dataset.colour = last.colour;
      }
      put(text, fresh.flatMap((token) => token.nodes), before?.nodes.at(-1), after?.nodes[0]);
      put(list, fresh.map((token) => token.number), before?.number, after?.number);
    };
    // New nodes after one node, or before another, in that one's block; a block too long is split, an empty one goes.
    const put = (box, nodes, before, after) => {
      const home = (before ?? after)?.parentElement ?? box.appendChild(node("div", "tok-block"));
      const place = document.createDocumentFragment();
      place.append(...nodes);
      if (before) before.after(place); else if (after) after.before(place); else home.append(place);
      split(home);
      for (const block of [...box.children]) if (!block.firstChild) block.remove();
    };
    const split = (block) => { // the later part becomes a block of its own: after a line end, or before a word
      while (block.childElementCount > 2 * CHUNK) {
        const all = [...block.children].slice(0, 2 * CHUNK);
        let cut = all.findIndex((one, i) => i >= CHUNK && i < 1.5 * CHUNK && one.tagName === "BR") + 1;
        if (cut === 0) cut = all.findIndex((one, i) => i >= CHUNK && one.textContent.startsWith("␣"));
        if (cut <= 0) cut = CHUNK;
        const rest = node("div", "tok-block");
        rest.append(...[...block.children].slice(cut));
        block.after(rest);
        block = rest;
      }
    };

    const paint = () => {
      const { ids, kinds, gaps, pieces } = next;
      const kind = (i) => kinds[i] ?? "text", gap = (i) => gaps[i] ?? "";
      const same = (token, i) => token.id === ids[i] && token.kind === kind(i) && token.gap === gap(i);
      let head = 0, tail = 0;
      while (head < ids.length && head < tokens.length && same(tokens[head], head)) head += 1;
      while (tail < ids.length - head && tail < tokens.length - head
        && same(tokens[tokens.length - 1 - tail], ids.length - 1 - tail)) tail += 1;
      const fresh = [];
      let before = tokens[head - 1]?.colour;
      for (let i = head; i < ids.length - tail; i += 1) {
        fresh.push(made(ids[i], kind(i), gap(i), pieces, before));
        before = fresh.at(-1).colour;
      }
      if (fresh.length || tokens.length !== ids.length) splice(head, tokens.length - tail, fresh);
      shown = next;
      tokens.forEach((token, i) => { token.index = i; });
      text.querySelectorAll(".marked").forEach((one) => one.classList.remove("marked"));
      for (const i of shown.marks) tokens[i]?.span.classList.add("marked");
      if (chosen && tokens[chosen.index] !== chosen) chosen = null;
      if (lit && tokens[lit.index] !== lit) light(null);
      if (!tokens.some((token) => token.span.tabIndex === 0) && tokens[0]) tokens[0].span.tabIndex = 0;
      facts.replaceChildren(...shown.facts.map(([value, name, share]) => {
        const tile = node("span", "fact");
        tile.append(node("b", "", value), node("small", "", name));
        if (share !== undefined) {
          const meter = node("i", "meter");
          meter.style.setProperty("--share", Math.min(1, share));
          meter.dataset.full = share > 1;
          tile.append(meter);
        }
        return tile;
      }));
      note.textContent = shown.note;
      note.hidden = !shown.note;
      describe(lit ?? chosen);
      listed();
      text.dataset.run = shown.run;
      text.dataset.count = shown.count;
      text.dataset.characters = shown.characters;
      text.dataset.frame = number;
    };
    const receive = (payload, frame) => {
      if (payload.run < (next ?? shown).run) return; // an answer that was overtaken
      next = payload;
      number = frame;
      soon(paint, false);
      clearTimeout(timer);
      if (payload.settles) timer = setTimeout(() => trigger("settle", { picked: payload.run }), SETTLED);
    };

    const describe = (token) => {
      if (!token) { detail.textContent = props.texts.hint; return; }
      const [label, bytes] = shown.pieces[token.id];
      const [start, end] = [shown.spans[2 * token.index], shown.spans[2 * token.index + 1]];
      const words = { number: token.index + 1, count: shown.count, label, id: token.id, bytes, start, end };
      const place = start === end ? props.texts.nowhere : token.kind === "bytes" ? props.texts.part : props.texts.place;
      detail.replaceChildren(
        node("b", "tok-label", label), document.createTextNode(fill(props.texts.detail, words) + fill(place, words)
          + (props.texts[token.kind] ? " · " + props.texts[token.kind] : "")));
    };
    const light = (token) => {
      for (const one of lit ? [lit.span, lit.number] : []) one.classList.remove("lit");
      lit = token;
      for (const one of lit ? [lit.span, lit.number] : []) one.classList.add("lit");
      describe(lit ?? chosen);
    };
    const reveal = (box, one) => { // scrolls the box alone, never the page
      const a = box.getBoundingClientRect(), b = one.getBoundingClientRect();
      if (b.top < a.top || b.bottom > a.bottom) box.scrollTop += b.top - a.top - (a.height - b.height) / 2;
    };
    const choose = (token, isFocus) => {
      if (chosen) { chosen.span.setAttribute("aria-pressed", "false"); chosen.number.classList.remove("chosen"); }
      for (const old of text.querySelectorAll("[tabindex='0']")) old.tabIndex = -1;
      chosen = token;
      token.span.setAttribute("aria-pressed", "true");
      token.span.tabIndex = 0;
      token.number.classList.add("chosen");
      if (isFocus) token.span.focus();
      reveal(list, token.number);
      light(token);
      own.look(props.gaze, token.index);
    };
    for (const [box, other] of [[text, list], [list, text]]) {
      box.addEventListener("pointerover", (event) => {
        const token = event.target.token;
        if (!token || token === lit) return;
        light(token);
        reveal(other, other === list ? token.number : token.span);
      });
      box.addEventListener("pointerleave", () => light(null));
      box.addEventListener("click", (event) => { if (event.target.token) choose(event.target.token, box === text); });
    }
    text.addEventListener("focusin", (event) => { if (event.target.token) light(event.target.token); });
    text.addEventListener("keydown", (event) => {
      const index = event.target.token?.index;
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tokens.length - 1 }[event.key];
      if (index === undefined || !tokens[to]) return;
      event.preventDefault();
      choose(tokens[to], true);
      reveal(text, tokens[to].span);
    });
    own.subscribe(props.channel, receive);
  };

  // ---- TokenRows: boxes in rows, in columns, or in a table ---------------------------------------------------------
  const tokenRows = ({ element, props }) => {
    const own = page.at(element);
    const holder = element.querySelector(".token-rows"), filled = scrolls(holder);
    let payload = null, number = 0;
    const box = (cell, tag) => {
      const made = node(cell.pick === undefined ? tag : "button", "box", cell.text);
      if (cell.kind) made.dataset.kind = cell.kind;
      if (cell.title) { made.title = cell.title; entitle(made, cell.text, cell.title); if (tag === "span" && cell.pick === undefined) made.setAttribute("role", "img"); }
      if (cell.at !== undefined) made.style.gridColumn = `${cell.at + 1} / span ${cell.span}`;
      if (cell.pick !== undefined) {
        made.type = "button";
        if (cell.pressed !== undefined) made.setAttribute("aria-pressed", cell.pressed);
        made.addEventListener("click", () => own.look(props.gaze, cell.pick));
      }
      return made;
    };
    const line = (row, columns, unit) => {
      const made = node("div", "row" + (row.lit ? " lit" : ""));
      if (row.head !== undefined) made.append(node("span", "row-head", row.head));
      const cells = node("div", columns ? "row-cells in-columns" : "row-cells");
      if (columns) cells.style.gridTemplateColumns = `repeat(${columns}, ${unit ?? "1fr"})`;
      cells.append(...row.cells.map((cell) => box(cell, "span")));
      made.append(cells);
      if (row.tail !== undefined) made.append(node("span", "row-tail", row.tail));
      return made;
    };
    const table = ({ head, rows, lit }) => {
      const made = node("table"), top = node("tr"), body = node("tbody"), thead = node("thead");
      for (const name of head) { const cell = node("th", "", name); cell.scope = "col"; top.append(cell); }
      thead.append(top);
      rows.forEach((cells, i) => {
        const row = node("tr", lit?.includes(i) ? "lit" : "");
        cells.forEach((cell, j) => {
          const data = node(j ? "td" : "th");
          if (!j) data.scope = "row";
          if (typeof cell === "string") data.textContent = cell; else data.append(box(cell, "span"));
          row.append(data);
        });
        body.append(row);
      });
      made.append(thead, body);
      const frame = node("div", "table-frame");
      frame.append(made);
      scrolls(frame);
      return frame;
    };
    const paint = () => {
      holder.replaceChildren(...payload.blocks.map((block) => {
        if (block.table) return table(block.table);
        const made = node("div", "rows-block");
        made.append(...block.rows.map((row) => line(row, block.columns, block.unit)));
        return made;
      }));
      filled();
      const now = [...holder.querySelectorAll(".row.lit")].at(-1);
      if (payload.follows && now) holder.scrollTop = now.offsetTop + now.offsetHeight - holder.clientHeight + 8;
      holder.dataset.frame = number;
      holder.dataset.state = payload.state ?? "";
    };
    own.subscribe(props.channel, (value, frame) => { payload = value; number = frame; soon(paint, false); });
  };

  // ---- Stepper ---------------------------------------------------------------------------------------------------
  const stepper = ({ element, props }) => {
    const own = page.at(element);
    const root = element.querySelector(".stepper"), range = root.querySelector("input"), words = root.querySelector("output");
    const play = root.querySelector("[data-move=play]");
    let step = 0, steps = 0, timer = 0;
    const isPlaying = () => timer !== 0;
    const show = () => {
      range.max = steps;
      range.value = step;
      words.textContent = fill(props.count, { step, steps });
      play.textContent = isPlaying() ? "⏸ " + props.pause : "▶ " + props.play;
      play.setAttribute("aria-label", isPlaying() ? props.pause : props.play);
      root.dataset.step = step;
      for (const [move, off] of [["first", step === 0], ["back", step === 0], ["forward", step >= steps], ["last", step >= steps], ["play", steps === 0]]) {
        root.querySelector(`[data-move=${move}]`).disabled = off;
      }
    };
    const go = (to) => { // the step is where the person has put it, before the answer comes
      if (to < 0 || to > steps) return;
      step = to;
      own.look(props.gaze, to);
      show();
    };
    const stop = () => { clearTimeout(timer); timer = 0; };
    const tick = () => { timer = setTimeout(() => { if (step < steps) go(step + 1); else { stop(); show(); } }, 700); };
    root.addEventListener("click", (event) => {
      const move = event.target.dataset.move;
      if (!move) return;
      if (move === "play") {
        if (isPlaying()) stop();
        else { tick(); go(step >= steps ? 0 : step + 1); }
        show();
        return;
      }
      stop();
      go({ first: 0, back: step - 1, forward: step + 1, last: steps }[move]);
    });
    range.addEventListener("input", () => { stop(); go(Number(range.value)); });
    own.subscribe(props.channel, (payload) => {
      steps = payload.steps;
      if (!own.isAhead(props.gaze)) step = payload.step;
      if (isPlaying()) { clearTimeout(timer); if (step < steps) tick(); else stop(); }
      soon(show, false);
    });
    show();
  };

  Object.assign(page, { tokenSpans, tokenRows, stepper });
})();
