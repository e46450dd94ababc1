// LiveBars: rows of bars that are patched in place. Text from the server is only ever set as textContent or attribute.
(() => {
  "use strict";
  const { at, soon, node, entitle } = window.livePage;

  const liveBars = ({ element, props, trigger }) => {
    const holder = element.querySelector(".live-bars");
    const tip = node("div", "bars-tip");
    tip.hidden = true;
    tip.setAttribute("aria-hidden", "true"); // the same words describe the row itself
    const rows = []; // {root, name, fill, edge, text, shown}
    let payload = null, number = 0, hovered = -1, pressed;

    const made = (index) => {
      const root = node("button", "bar-row"), name = node("span", "bar-name"), track = node("span", "bar-track");
      const fill = node("i", "bar-fill"), edge = node("i", "bar-edge"), text = node("span", "bar-text");
      const place = node("span", "bar-place"); // its words give way to the left where they would be cut
      root.type = "button";
      root.dataset.row = index;
      place.append(text);
      track.append(fill, edge, place);
      root.append(name, " ", track); // the space parts the words for who hears them
      holder.insertBefore(root, tip);
      return { root, name, fill, edge, text, place, shown: {} };
    };
    const put = (row, key, value, set) => { if (row.shown[key] !== value) { row.shown[key] = value; set(value); } };
    const fit = (row, { name, fill, edge, text, title, pick, ink, line, lit, cut }) => {
      put(row, "name", name, (value) => { row.name.textContent = value; });
      put(row, "text", text, (value) => { row.text.textContent = value; });
      put(row, "fill", fill ?? 0, (value) => { row.fill.style.width = 100 * value + "%"; });
      put(row, "edge", edge ?? 0, (value) => { row.edge.style.width = 100 * value + "%"; });
      put(row, "at", Math.max(fill ?? 0, edge ?? 0), (value) => { row.place.style.setProperty("--at", 100 * value + "%"); });
      put(row, "ink", ink, (value) => { row.fill.style.background = value ?? ""; });
      put(row, "line", line, (value) => { row.edge.style.borderColor = value ?? ""; });
      put(row, "kind", (lit ? " is-lit" : "") + (cut ? " is-cut" : "") + (pick === undefined ? " is-rest" : ""), (value) => {
        row.root.className = "bar-row" + value;
        row.root.tabIndex = -1;
      });
      put(row, "spoken", `${name} ${text}\n${title}`, () => entitle(row.root, `${name} ${text}`, title));
      put(row, "pick", pick, (value) => { if (value === undefined) delete row.root.dataset.pick; else row.root.dataset.pick = value; });
    };
    const showTip = () => {
      const row = payload?.isHushed ? undefined : payload?.rows[hovered];
      tip.hidden = !row;
      if (!row) return;
      tip.textContent = row.title;
      const below = hovered < payload.rows.length / 2;
      const { offsetTop, offsetHeight } = rows[hovered].root;
      tip.style.top = (below ? offsetTop + offsetHeight + 2 : offsetTop - tip.offsetHeight - 2) + "px";
    };
    const paint = () => {
      while (rows.length > payload.rows.length) rows.pop().root.remove();
      while (rows.length < payload.rows.length) rows.push(made(rows.length));
      payload.rows.forEach((row, i) => fit(rows[i], row));
      if (!rows.some(({ root }) => root.tabIndex === 0) && rows.length) rows[0].root.tabIndex = 0;
      holder.style.setProperty("--name", payload.width + "ch");
      holder.setAttribute("aria-label", payload.label);
      holder.classList.toggle("is-hushed", Boolean(payload.isHushed)); // bars without their numbers
      holder.dataset.settings = payload.settings ?? ""; // of bars that the page has drawn by itself
      if (hovered >= 0) showTip();
      holder.dataset.frame = number;
    };
    const rowAt = (event) => { const root = event.target.closest(".bar-row"); return root ? Number(root.dataset.row) : -1; };
    const point = (index) => { if (index !== hovered) { hovered = index; showTip(); } };

    holder.append(tip);
    holder.addEventListener("pointerover", (event) => point(rowAt(event)));
    holder.addEventListener("pointerleave", () => point(-1));
    holder.addEventListener("focusin", (event) => { if (event.target.matches(":focus-visible")) point(rowAt(event)); });
    holder.addEventListener("focusout", () => point(-1));
    holder.addEventListener("pointerdown", (event) => { pressed = payload?.rows[rowAt(event)]?.pick; });
    holder.addEventListener("click", (event) => {
      // a row may show another token by the time the pointer is up; without a pointer it is the one on screen
      const picked = event.detail ? pressed : payload?.rows[rowAt(event)]?.pick;
      if (picked !== undefined) trigger("pick", { picked });
    });
    holder.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = step && rows[rowAt(event) + step];
      if (!next) return;
      event.preventDefault();
      for (const { root } of rows) root.tabIndex = -1;
      next.root.tabIndex = 0;
      next.root.focus();
    });
    at(element).subscribe(props.channel, (value, frame) => { payload = value; number = frame; soon(paint, false); });
  };

  Object.assign(window.livePage, { liveBars });
})();
