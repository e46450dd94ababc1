// CompareLanes and CompareStep: texts under each other with an editor for each, and one step of all side by side.
(() => {
  "use strict";
  const page = window.livePage;
  if (!page || page.compareLanes) return;
  const { node, soon } = page;

  const button = (className, text, label, press) => {
    const made = node("button", className, text);
    made.type = "button";
    if (label) { made.title = label; if (label !== text) made.setAttribute("aria-label", label); }
    made.addEventListener("click", press);
    return made;
  };

  // ---- the editor of one lane --------------------------------------------------------------------------------------
  // Which model writes or reads a lane; one that is on the shelf no longer keeps its name.
  // "detective*0.5" is a model with half of its adapter: its scale has a control of its own.
  const modelChoice = (models, given, labels, change) => {
    const [name, behind] = (given ?? "").split("*"), select = node("select", "lane-model"), fields = [];
    const known = models.some(([one]) => one === name) ? models : [...models, [name, name, ""]];
    for (const [one, title] of known) select.append(new Option(title, one, false, one === name));
    let scale = behind === undefined ? 1 : Number(behind);
    const scaled = () => known.find(([one]) => one === select.value)?.[2];
    const said = () => (scaled() && scale !== 1 ? `${scaled()}*${scale}` : select.value);
    const knob = labelled(labels.scale, number(scale, { minimum: 0, maximum: 2, step: 0.05, low: 0, high: 2 }, labels.scale, (value) => { scale = value; change(said()); }));
    const show = () => { knob.hidden = !scaled(); };
    select.addEventListener("change", () => { show(); change(said()); });
    show();
    if (models.length > 2 || given) fields.push(labelled(labels.model, select));
    return [...fields, knob];
  };

  const labelled = (text, control, help) => {
    const label = node("label", "lane-field");
    if (help) label.title = help;
    label.append(node("span", "", text), control);
    return label;
  };
  const number = (value, { minimum, maximum, step, whole, low, high }, text, change) => {
    const pair = node("span", "lane-number");
    const field = node("input");
    field.type = "number";
    Object.assign(field, { min: minimum, max: maximum, step: whole ? 1 : "any", value });
    field.setAttribute("aria-label", text);
    field.addEventListener("change", () => { if (field.value !== "" && field.checkValidity()) { change(Number(field.value)); if (slide) slide.value = field.value; } else field.reportValidity(); });
    let slide = null;
    if (low !== undefined) {
      slide = node("input");
      slide.type = "range";
      Object.assign(slide, { min: low, max: high, step });
      slide.value = value;
      slide.setAttribute("aria-label", text);
      slide.addEventListener("input", () => { field.value = slide.value; });
      slide.addEventListener("change", () => change(Number(slide.value)));
      pair.append(slide);
    }
    pair.append(field);
    return pair;
  };

  const editor = (lane, schema, models, texts, act, close) => {
    const box = node("div", "lane-editor");
    const setup = structuredClone(lane.setup), written = {}; // lists that were typed here, as texts
    const kind = () => schema.strategies.find((one) => one.name === setup.strategy);
    const send = (name) => act({ do: "change", key: lane.key, name: name ?? nameField.value, setup, written });
    const nameField = node("input");
    nameField.value = lane.name;
    nameField.maxLength = 24;
    nameField.addEventListener("change", () => send());
    const draw = () => {
      const strategy = node("select");
      for (const one of schema.strategies) strategy.append(new Option(one.label, one.name, false, one.name === setup.strategy));
      strategy.addEventListener("change", () => {
        setup.strategy = strategy.value;
        const takes = kind().takes;
        const own = ["version", "strategy", "seed", "max_new_tokens", "order", "prompt", "model"];
        for (const name of Object.keys(setup)) if (!own.includes(name) && !takes.includes(name)) { delete setup[name]; delete written[name]; }
        send();
        draw();
      });
      const row = node("div", "lane-fields");
      row.append(labelled(texts.name, nameField));
      row.append(...modelChoice(models, setup.model, texts, (name) => { if (name) setup.model = name; else delete setup.model; send(); }));
      row.append(labelled(texts.strategy, strategy));
      if (kind().draws) row.append(labelled(texts.seed, number(setup.seed ?? 0, { minimum: 0, maximum: schema.seed, whole: true }, texts.seed, (value) => { setup.seed = value; send(); })));
      row.append(labelled(texts.length, number(setup.max_new_tokens, { minimum: 1, maximum: schema.max_new_tokens, whole: true }, texts.length, (value) => { setup.max_new_tokens = value; send(); })));
      if (kind().draws) {
        const order = node("select"), now = JSON.stringify(setup.order ?? schema.orders[0][1]);
        const at = schema.orders.findIndex(([, names]) => JSON.stringify(names) === now);
        schema.orders.forEach(([text], i) => order.append(new Option(text, i, false, i === at)));
        if (at < 0) order.append(new Option(texts.own_order, -1, false, true));
        order.addEventListener("change", () => { if (order.value >= 0) { setup.order = schema.orders[order.value][1]; send(); } });
        row.append(labelled(texts.order, order));
      }
      const knobs = node("div", "lane-fields");
      const isOn = (name) => setup[name] !== undefined;
      const names = kind().settings.filter((name) => kind().draws || !schema.settings[name].sampling);
      for (const name of names.filter(isOn)) {
        const one = schema.settings[name];
        const set = (value) => { setup[name] = value; send(); };
        let control;
        if (one.choices) {
          control = node("select");
          one.choices.forEach(([text, value], i) => control.append(new Option(text, i, false, value === setup[name])));
          control.addEventListener("change", () => set(one.choices[control.value][1]));
        } else if (one.written) {
          control = node("textarea");
          control.rows = 2;
          control.value = written[name] ?? lane.written[name] ?? "";
          control.addEventListener("change", () => { written[name] = control.value; send(); });
        } else if (one.texts) {
          control = node("input");
          control.value = setup[name].join("; ");
          control.addEventListener("change", () => set(control.value.split(";").map((text) => text.trim()).filter(Boolean)));
        } else control = number(setup[name], one, one.label, set);
        const field = labelled(one.label, control, one.help);
        const off = button("lane-act", "×", `${texts.off}: ${one.label}`, (event) => { event.preventDefault(); delete setup[name]; delete written[name]; send(); draw(); });
        const pair = node("span", "lane-knob");
        pair.append(field, off);
        knobs.append(pair);
      }
      const more = node("select", "lane-more");
      more.setAttribute("aria-label", texts.more);
      more.append(new Option(texts.more, ""));
      for (const name of names.filter((one) => !isOn(one))) more.append(new Option(schema.settings[name].label, name));
      more.addEventListener("change", () => {
        const one = schema.settings[more.value];
        setup[more.value] = one.choices ? one.choices[0][1] : one.texts || one.written ? [] : one.start;
        send();
        draw();
      });
      knobs.append(more);
      box.replaceChildren(row, knobs, button("lane-close", texts.close, "", close));
    };
    draw();
    return box;
  };

  // ---- the editor of a text that the model only reads --------------------------------------------------------------
  const textEditor = (lane, models, texts, act, close) => {
    const box = node("div", "lane-editor"), name = node("input"), text = node("textarea");
    let model = lane.model;
    const send = () => act({ do: "text", key: lane.key, name: name.value, text: text.value, model });
    name.value = lane.name;
    name.maxLength = 24;
    text.value = lane.text;
    text.rows = 4;
    text.placeholder = texts.placeholder;
    for (const [words, control] of [[texts.name, name], [texts.text, text]]) {
      const field = node("label", "lane-field");
      field.append(node("span", "", words), control);
      control.addEventListener("change", send);
      box.append(field);
      if (control === name) box.append(...modelChoice(models, lane.model, texts, (chosen) => { model = chosen; send(); }));
    }
    box.append(button("lane-close", texts.close, "", close));
    return box;
  };

  // ---- the rows ----------------------------------------------------------------------------------------------------
  const MOST = 6;
  const compareLanes = ({ element, props, trigger }) => {
    const own = page.at(element);
    const holder = element.querySelector(".compare-lanes");
    const { schema, texts } = props;
    let payload = null, models = [], open = null, opened = null, looked = null, isNew = false;
    const strips = Array.from({ length: MOST }, () => ({ tokens: [], first: 0, lead: "" }));
    const rows = [];
    const act = (picked) => trigger("act", { picked });
    const toggle = (key) => { open = open === key ? null : key; opened = null; soon(paint, false); };
    const keyOf = (place) => payload.lanes[place]?.key;

    const made = (place) => {
      const root = node("section", "lane"), head = node("div", "lane-head"), body = node("div", "lane-body");
      const title = button("lane-name", "", "", () => toggle(keyOf(place))), chips = node("div", "lane-chips"), tools = node("div", "lane-tools");
      for (const [mark, name] of [[texts.copy, "copy"], ["↑", "up"], ["↓", "down"], ["×", "remove"]]) {
        tools.append(button("lane-act", mark, texts[name], () => act({ do: name, key: keyOf(place) })));
      }
      head.append(title, chips, tools);
      const text = node("p", "lane-text"), lead = node("span", "token-lead"), strip = node("span", "token-strip");
      text.append(lead, strip);
      const error = node("p", "lane-error"), badge = node("p", "lane-badge"), note = node("p", "lane-note"), numbers = node("div", "lane-numbers"), edit = node("div", "lane-edit");
      body.append(text, error, note, badge);
      root.append(head, body, numbers, edit);
      strip.addEventListener("click", (event) => {
        const token = event.target.closest("button");
        if (token) look(place, Number(token.dataset.index));
      });
      strip.addEventListener("keydown", (event) => {
        const index = Number(event.target.dataset.index);
        const [down, right] = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key] ?? [0, 0];
        if (event.key === "Escape") { event.preventDefault(); looked = null; own.look(props.gaze, null); soon(paint, false); return; }
        if (!down && !right) return;
        const other = rows[place + down];
        const next = other && other.strip.children[down ? Math.min(index, other.strip.children.length - 1) : index + right];
        if (!next) return;
        event.preventDefault();
        next.focus();
        look(place + down, Number(next.dataset.index));
      });
      return { root, title, chips, lead, strip, error, note, badge, numbers, edit, shown: {} };
    };
    const look = (place, index) => {
      looked = [place, index];
      own.look(props.gaze, looked);
      soon(paint, false);
    };
    const put = (row, key, value, set) => { const said = JSON.stringify(value); if (row.shown[key] !== said) { row.shown[key] = said; set(value); } };
    const add = button("lane-add", texts.add, "", () => act({ do: "add", key: payload.lanes.at(-1)?.key }));
    const addText = button("lane-add", texts.add_text, "", () => { isNew = true; act({ do: "add_text" }); });
    const adds = node("div", "lane-adds");
    adds.append(add, addText);
    holder.append(adds);

    const paintStrip = (row, place) => {
      const strip = strips[place];
      put(row, "lead", strip.lead, (value) => { row.lead.textContent = value; });
      while (row.strip.children.length > strip.first) row.strip.lastElementChild.remove();
      for (let i = strip.first; i < strip.tokens.length; i += 1) {
        const { text, title, shade } = strip.tokens[i];
        const token = button("token", text, "", () => {});
        token.dataset.index = i;
        token.tabIndex = -1;
        token.title = title;
        page.entitle(token, text, title);
        token.style.setProperty("--shade", shade);
        row.strip.append(token);
      }
      strip.first = strip.tokens.length;
      const lane = payload.lanes[place];
      const beside = !looked ? null : payload.by_text && looked[0] !== place ? lane.at : looked[1];
      const at = looked && looked[0] === place ? looked[1] : 0;
      [...row.strip.children].forEach((token, i) => {
        token.classList.toggle("is-parting", i === lane.parts_at);
        token.classList.toggle("is-at", i === beside);
        token.setAttribute("aria-pressed", Boolean(looked) && looked[0] === place && i === looked[1]);
        const stop = i === at ? 0 : -1;
        if (token.tabIndex !== stop) token.tabIndex = stop;
      });
    };
    const paint = () => {
      if (!payload) return;
      while (rows.length > payload.lanes.length) rows.pop().root.remove();
      while (rows.length < payload.lanes.length) { const row = made(rows.length); rows.push(row); holder.insertBefore(row.root, adds); }
      if (!own.isAhead(props.gaze)) looked = payload.token;
      const last = payload.lanes.at(-1);
      const opensText = isNew && last?.text === "";
      if (opensText) { open = last.key; opened = null; isNew = false; }
      payload.lanes.forEach((lane, place) => {
        const row = rows[place];
        put(row, "colour", lane.colour, (value) => row.root.style.setProperty("--lane", `var(--plot-${value})`));
        put(row, "name", lane.name, (value) => { row.title.textContent = value; row.title.title = texts.edit; row.title.setAttribute("aria-description", texts.edit); row.root.setAttribute("aria-label", value); });
        put(row, "chips", lane.chips, (value) => row.chips.replaceChildren(...value.map((text) => button("lane-chip", text, "", () => toggle(keyOf(place))))));
        put(row, "error", lane.error, (value) => { row.error.textContent = value; });
        put(row, "note", lane.note, (value) => { row.note.textContent = value; });
        put(row, "badge", lane.badge, ({ text, kind }) => { row.badge.textContent = text; row.badge.dataset.kind = kind; });
        put(row, "numbers", lane.numbers, (value) => row.numbers.replaceChildren(...value.map(([number, name]) => {
          const one = node("div", "lane-measure");
          one.append(node("b", "", number), node("span", "", name));
          return one;
        })));
        row.title.setAttribute("aria-expanded", lane.key === open);
        if (lane.key === open && opened?.key !== open) { opened = { key: open, box: (lane.text === null ? editor.bind(null, lane, schema) : textEditor.bind(null, lane))(models, texts, act, () => { toggle(open); row.title.focus(); }) }; }
        const inside = lane.key === open ? [opened.box] : [];
        if (row.edit.firstChild !== (inside[0] ?? null)) row.edit.replaceChildren(...inside);
        paintStrip(row, place);
      });
      adds.hidden = payload.lanes.length >= payload.most;
      if (opensText) opened.box.querySelector("textarea").focus();
    };
    own.subscribe(props.channel, (value) => { payload = value; soon(paint, false); });
    own.subscribe(props.models, (value) => { models = value.models; });
    strips.forEach((strip, place) => own.subscribe(`${props.channel}.${place}`, ({ start, tokens, lead }) => {
      if (start > strip.tokens.length) { own.resync(`${props.channel}.${place}`); return; }
      strip.first = Math.min(strip.first, start);
      strip.tokens = strip.tokens.slice(0, start).concat(tokens);
      strip.lead = lead;
      soon(paint, false);
    }));
  };

  // ---- one step side by side ---------------------------------------------------------------------------------------
  const compareStep = ({ element, props }) => {
    const own = page.at(element);
    const table = element.querySelector("table");
    const paint = ({ label, columns, rows }) => {
      const caption = node("caption", "", label || props.description), top = node("tr"), body = node("tbody"), head = node("thead");
      top.append(node("td"));
      for (const { name, colour, kept } of columns) {
        const cell = node("th", "", name);
        cell.scope = "col";
        if (kept) cell.append(node("small", "", kept));
        cell.style.setProperty("--lane", `var(--plot-${colour})`);
        top.append(cell);
      }
      head.append(top);
      for (const { name, cells } of rows) {
        const line = node("tr"), first = node("th", "", name);
        first.scope = "row";
        line.append(first);
        cells.forEach(({ share, text, taken }, i) => {
          const cell = node("td", taken ? "is-taken" : ""), bar = node("i");
          cell.style.setProperty("--lane", `var(--plot-${columns[i].colour})`);
          bar.style.setProperty("--share", share);
          cell.append(bar, node("span", "", (taken ? "● " : "") + text));
          line.append(cell);
        });
        body.append(line);
      }
      table.replaceChildren(caption, head, body);
    };
    let newest = null;
    const draw = () => paint(newest);
    own.subscribe(props.channel, (value) => { newest = value; soon(draw, false); });
  };

  Object.assign(page, { compareLanes, compareStep });
})();
