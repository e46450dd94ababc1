// The live page: one bus that brings frames, and the components that patch themselves in place from it.
// Nothing here knows about decoding. Token text is hostile: it is only ever set as textContent or attribute.
(() => {
  "use strict";
  if (window.livePage) return;

  // ---- the bus: channel name -> newest payload; paints are coalesced per animation frame -----------------------
  const channels = new Map(); // name -> {history: [payload], subscribers: Set}
  const waiting = []; // painters of charts, longest waiting first: each in a task of its own, as soon as there is time
  const quick = new Set(); // painters of plain DOM, all drawn in the next animation frame
  let scheduled = 0, isDrawing = false;
  let frameNumber = 0;

  const channel = (name) => {
    if (!channels.has(name)) channels.set(name, { history: [], subscribers: new Set(), version: 0, resync: () => {} });
    return channels.get(name);
  };

  const flush = () => {
    scheduled = 0;
    for (const paint of quick) attempt(paint);
    quick.clear();
    if (waiting.length) draw(); // from a page that was hidden meanwhile
  };
  // Not one chart an animation frame: the next frame comes only when the last is on screen.
  const turn = new MessageChannel();
  turn.port1.onmessage = () => {
    isDrawing = false;
    const chart = waiting.shift();
    if (chart) attempt(chart);
    if (waiting.length) draw();
  };
  const draw = () => {
    if (document.hidden) { schedule(); return; }
    if (!isDrawing) { isDrawing = true; turn.port2.postMessage(0); }
  };
  const attempt = (paint) => {
    try { paint(); } catch (error) { console.error(error); }
  };
  const schedule = () => { if (!scheduled) scheduled = requestAnimationFrame(flush); };
  const soon = (paint, isChart) => {
    if (!isChart) { quick.add(paint); schedule(); return; }
    if (!waiting.includes(paint)) waiting.push(paint);
    draw();
  };

  // A frame is {channels: {name: payload}, versions: {name: number}}: frames overlap, a version is taken once. A version
  // without its payload was sent a few frames ago.
  // A payload with a `start` continues the one before it (see tokenStrip).
  // `resync` asks the sender for everything again.
  const publish = (text, resync) => {
    if (!text) return;
    const frame = JSON.parse(text);
    frameNumber += 1;
    for (const [name, payload] of Object.entries(frame.channels)) {
      const known = channel(name);
      known.resync = resync;
      const version = frame.versions[name];
      if (version !== undefined && version <= known.version) continue;
      known.version = version ?? known.version;
      if (payload && payload.start > 0) known.history.push(payload); else known.history = [payload];
      for (const receive of known.subscribers) receive(payload, frameNumber);
    }
    for (const [name, version] of Object.entries(frame.versions)) {
      if (!(name in frame.channels) && version > channel(name).version) missed(channel(name), version, resync);
    }
  };
  // A heavy payload was skipped: unless a newer one comes soon, ask for everything.
  let asking = 0;
  const missed = (known, version, resync) => {
    if (!asking) asking = setTimeout(() => { asking = 0; if (known.version < version) resync(); }, 600);
  };
  const subscribe = (name, receive) => {
    const known = channel(name);
    known.subscribers.add(receive);
    for (const payload of known.history) receive(payload, frameNumber);
  };

  // ---- colours: figures name them as var(--plot-…), the page's style sheet says what they are ------------------
  const colour = /^var\((--plot-[a-z-]+)\)$/;
  const resolved = (value, style) => {
    if (typeof value === "string") {
      const match = colour.exec(value);
      return match ? style.getPropertyValue(match[1]).trim() : value;
    }
    if (Array.isArray(value)) {
      const isNumbers = typeof value[0] === "number" && typeof value[value.length - 1] === "number";
      return isNumbers ? value : value.map((item) => resolved(item, style));
    }
    if (value && typeof value === "object") {
      const copy = {};
      for (const key of Object.keys(value)) copy[key] = resolved(value[key], style);
      return copy;
    }
    return value;
  };
  const themed = new Set(); // painters to call again when the theme changes
  let palette = null; // asked of the style sheet once a theme: asking makes the browser lay out the page
  const paletteNow = (element) => {
    if (!palette) {
      const style = getComputedStyle(element);
      const names = new Map();
      palette = { getPropertyValue: (name) => {
        if (!names.has(name)) names.set(name, style.getPropertyValue(name));
        return names.get(name);
      } };
    }
    return palette;
  };
  const watchTheme = () => {
    new MutationObserver(() => { palette = null; for (const paint of themed) soon(paint, true); })
      .observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.body) watchTheme(); else document.addEventListener("DOMContentLoaded", watchTheme);

  const node = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // ---- LiveBus: a tab each; a channel belongs to the bus that brings it ------------------------------------------
  const liveBus = ({ props, trigger, watch }) => {
    const resync = () => trigger("resync");
    watch("value", () => publish(props.value, resync));
    publish(props.value, resync);
  };

  // ---- LivePlot: one Plotly chart, drawn when it is on screen ------------------------------------------------
  const livePlot = ({ element, props, trigger, watch }) => {
    const holder = element.querySelector(".live-plot");
    let figure = null, number = 0, drawn = null, size = "", onScreen = false;
    let width = 0, height = 0; // told by the observer: asking makes the browser lay out the page

    const paint = () => {
      if (!figure || !onScreen || !width) return;
      if (!window.Plotly) { setTimeout(() => soon(paint, true), 50); return; }
      const { data, layout } = resolved(figure, paletteNow(holder));
      Object.assign(layout, { width, height });
      window.Plotly.react(holder, data, layout, { displayModeBar: false, responsive: false, doubleClick: "reset" });
      if (drawn === null) {
        holder.on("plotly_click", (event) => {
          const picked = event.points.map((point) => point.customdata).find((value) => value !== undefined);
          if (picked !== undefined) trigger("pick", { picked });
        });
      }
      drawn = figure;
      size = width + "×" + height;
      holder.dataset.frame = number;
      if (figure.label) holder.setAttribute("aria-label", figure.label);
    };
    const receive = (payload, frame) => { figure = payload; number = frame; soon(paint, true); };

    if (props.channel) subscribe(props.channel, receive);
    watch("value", () => { if (props.value) receive(JSON.parse(props.value), ++frameNumber); });
    if (props.value) receive(JSON.parse(props.value), 0);
    themed.add(paint);
    new IntersectionObserver((entries) => {
      onScreen = entries[entries.length - 1].isIntersecting;
      if (onScreen && figure !== drawn) soon(paint, true);
    }, { rootMargin: "40% 0px" }).observe(holder);
    new ResizeObserver(([{ contentRect }]) => {
      [width, height] = [Math.floor(contentRect.width), Math.floor(contentRect.height)];
      if (width && size !== width + "×" + height) soon(paint, true);
    }).observe(holder);
  };

  // ---- TokenStrip: every token a button -----------------------------------------------------------------------
  // Payload: {start, tokens: [{text, title, shades}], lead?: text, inspected, following}
  //   start: how many tokens of the strip stay; `tokens` follow them. A run begins with start 0 and its lead.
  const tokenStrip = ({ element, props, trigger }) => {
    const strip = element.querySelector(".token-strip");
    const lead = element.querySelector(".token-lead");
    const chooser = element.querySelector("select");
    let tokens = [], first = 0, leadText = null, inspected = -1, mode = 0, number = 0, usual = 0;
    const onDemand = chooser.options[props.on_demand]; // the shading of what only some texts have

    const shade = (button, token) => button.style.setProperty("--shade", token.shades[mode] ?? 0);
    const made = (token, index) => {
      const button = node("button", "token", token.text);
      button.type = "button";
      button.dataset.index = index;
      button.title = token.title;
      button.setAttribute("aria-label", token.title);
      shade(button, token);
      return button;
    };
    const choose = (index) => {
      mode = chooser.selectedIndex = index;
      strip.classList.toggle("yes-or-no", mode === props.on_demand);
      [...strip.children].forEach((button, i) => tokens[i] && shade(button, tokens[i]));
      element.querySelectorAll(".token-legend").forEach((legend, i) => { legend.hidden = i !== mode; });
    };
    const offer = () => {
      const isThere = tokens.some((token) => token.shades.length > props.on_demand);
      if (!onDemand || !tokens.length || isThere !== onDemand.hidden) return; // an empty text says neither
      onDemand.hidden = !isThere;
      if (isThere) { usual = mode; choose(props.on_demand); } else if (mode === props.on_demand) choose(usual);
    };
    const paint = () => {
      offer();
      if (leadText !== null) {
        lead.textContent = leadText;
        leadText = null;
      }
      while (strip.children.length > first) strip.lastElementChild.remove();
      const fresh = document.createDocumentFragment();
      for (let i = first; i < tokens.length; i += 1) fresh.append(made(tokens[i], i));
      strip.append(fresh);
      first = tokens.length;
      for (const old of strip.querySelectorAll("[aria-pressed=true]")) {
        old.setAttribute("aria-pressed", "false");
        old.tabIndex = -1;
      }
      const now = strip.children[inspected];
      for (const button of strip.children) if (button.tabIndex !== -1) button.tabIndex = -1;
      if (now) { now.setAttribute("aria-pressed", "true"); now.tabIndex = 0; }
      strip.dataset.count = tokens.length;
      strip.dataset.frame = number;
    };
    const receive = (payload, frame) => {
      if (payload.start > tokens.length) { channel(props.channel).resync(); return; } // something in between was lost
      if (payload.start === 0 && payload.lead !== undefined) leadText = payload.lead;
      const isSame = (token, i) => token.text === tokens[payload.start + i]?.text && token.title === tokens[payload.start + i]?.title;
      const changed = payload.tokens.findIndex((token, i) => !isSame(token, i));
      first = Math.min(first, payload.start + (changed < 0 ? payload.tokens.length : changed));
      tokens = tokens.slice(0, payload.start).concat(payload.tokens);
      inspected = payload.inspected;
      number = frame;
      soon(paint, false);
    };
    const pick = (index) => trigger("pick", { picked: index });

    strip.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) pick(Number(button.dataset.index));
    });
    strip.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step && strip.children[Number(event.target.dataset.index) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      pick(Number(next.dataset.index));
    });
    chooser.addEventListener("change", () => choose(chooser.selectedIndex));
    subscribe(props.channel, receive);
  };

  // ---- LiveText: sentences, tables and code from data ----------------------------------------------------------
  // Payload: {parts: [text | {text, kind, action}]} | {table: {head: [text], rows: [[text]]}} | {code: text, copy, copied}
  const liveText = ({ element, props, trigger, watch }) => {
    const holder = element.querySelector(".live-text");
    let payload = null, number = 0;
    const part = (item) => {
      if (typeof item === "string") return document.createTextNode(item);
      if (!item.action) return node("span", "part-" + item.kind, item.text);
      const button = node("button", "part-" + item.kind, item.text);
      button.type = "button";
      button.addEventListener("click", () => trigger("act", { picked: item.action }));
      return button;
    };
    const table = ({ head, rows }) => {
      const made = node("table"), top = node("tr"), body = node("tbody");
      for (const text of head) { const cell = node("th", "", text); cell.scope = "col"; top.append(cell); }
      for (const row of rows) {
        const line = node("tr");
        row.forEach((text, i) => {
          const cell = node(i ? "td" : "th", "", text);
          if (!i) cell.scope = "row";
          line.append(cell);
        });
        body.append(line);
      }
      const thead = node("thead");
      thead.append(top);
      made.append(thead, body);
      return made;
    };
    const code = ({ code: text, copy, copied }) => {
      const button = node("button", "copy", copy);
      button.type = "button";
      button.addEventListener("click", async () => {
        await copyText(text);
        button.textContent = copied;
        setTimeout(() => { button.textContent = copy; }, 1500);
      });
      const made = node("div", "live-code");
      made.append(button, node("pre", "", text));
      return made;
    };
    const paint = () => {
      holder.dataset.kind = payload.kind ?? "";
      if (payload.table) holder.replaceChildren(table(payload.table));
      else if (payload.code !== undefined) holder.replaceChildren(code(payload));
      else holder.replaceChildren(...(payload.parts ?? []).map(part));
      holder.dataset.frame = number;
    };
    const receive = (value, frame) => { payload = value; number = frame; soon(paint, false); };
    if (props.channel) subscribe(props.channel, receive);
    watch("value", () => { if (props.value) receive(JSON.parse(props.value), ++frameNumber); });
    if (props.value) receive(JSON.parse(props.value), 0);
  };
  const copyText = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const field = node("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy"); // the only way on a page served without https
    field.remove();
  };

  // ---- LiveButton: its words come with the frames. Payload: {text} ----------------------------------------------
  const liveButton = ({ element, props, trigger }) => {
    const button = element.querySelector(".live-button");
    button.addEventListener("click", () => trigger("press"));
    subscribe(props.channel, ({ text }) => soon(() => { if (button.textContent !== text) button.textContent = text; }, false));
  };

  // ---- KnobBank: the values of all knobs of a tab ---------------------------------------------------------------
  const banks = new Map(); // name -> {values, knobs: name -> what shows its value, set}
  const bankOf = (name) => {
    if (!banks.has(name)) banks.set(name, { values: {}, knobs: new Map(), set: () => {} });
    return banks.get(name);
  };
  const knobBank = ({ props, trigger, watch }) => {
    const bank = bankOf(props.bank);
    const take = () => {
      const before = bank.values;
      bank.values = JSON.parse(props.value);
      for (const [name, show] of bank.knobs) if (bank.values[name] !== before[name]) show();
    };
    bank.set = (name, value) => {
      props.value = JSON.stringify({ ...bank.values, [name]: value });
      take();
      trigger("input");
    };
    watch("value", take);
    take();
  };

  // ---- Knob: one setting, a slider with an off switch; its value is a number, the neutral one when off ---------
  const knob = ({ element, props, trigger, watch }) => {
    const root = element.querySelector(".knob");
    const range = root.querySelector("input[type=range]");
    const number = root.querySelector("input[type=number]");
    const toggle = root.querySelector("input[type=checkbox]");
    const off = root.querySelector(".knob-off");
    const bank = props.bank ? bankOf(props.bank) : null;
    let last = props.start;

    const value = () => bank?.values[props.name] ?? props.value;
    const show = () => {
      const now = value(), isOn = now !== props.neutral;
      if (isOn) last = now;
      root.classList.toggle("is-off", !isOn);
      toggle.checked = isOn;
      range.value = now;
      number.hidden = !isOn;
      off.hidden = isOn;
      if (isOn && document.activeElement !== number) number.value = now;
      const share = (range.value - range.min) / (range.max - range.min);
      range.style.setProperty("--share", Math.min(1, Math.max(0, share)));
      range.setAttribute("aria-valuetext", isOn ? String(now) : off.textContent);
    };
    const set = (wanted) => {
      if (wanted === value()) return;
      if (bank) { bank.set(props.name, wanted); return; }
      props.value = wanted;
      show();
      trigger("input", { value: wanted });
    };
    range.addEventListener("input", () => set(Number(range.value)));
    number.addEventListener("input", () => {
      const typed = number.valueAsNumber;
      const fits = Number.isFinite(typed) && typed >= props.minimum && typed <= props.maximum
        && (!props.whole || Number.isInteger(typed));
      number.setCustomValidity(fits ? "" : props.range);
      number.reportValidity();
      if (fits) set(typed);
    });
    number.addEventListener("blur", () => { number.setCustomValidity(""); show(); });
    toggle.addEventListener("change", () => set(toggle.checked ? last : props.neutral));
    off.addEventListener("click", () => set(last));
    if (bank) bank.knobs.set(props.name, show); else watch("value", show);
    show();
  };

  // what the components of the other files of this folder are made of, and the components themselves
  const resync = (name) => channel(name).resync();
  window.livePage = { subscribe, resync, soon, themed, node, copyText, liveBus, livePlot, tokenStrip, liveText, liveButton, knob, knobBank };
})();
