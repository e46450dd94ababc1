// Below the charts: the lookout that asks for what is on screen, the order of the stages, help beside each knob,
// the search in the drawer. Text from the server is only ever set as textContent or attribute.
(() => {
  "use strict";
  const { at, everyPart, soon, node } = window.livePage;
  const STILL = 300; // milliseconds without news after which the panels follow the text

  // ---- Lookout -------------------------------------------------------------------------------------------------
  everyPart((own) => {
    own.asked = new Set(); // names of knobs whose help is open
    own.ask = () => {};
  });
  const lookout = ({ element, props, trigger }) => {
    const own = at(element), { asked } = own, stale = new Set(), seen = new Set();
    let timer = 0;
    const look = () => {
      timer = 0;
      const wanted = [...stale].filter((name) => seen.has(name) && isOpen(name));
      if (!wanted.length) return;
      for (const name of wanted) stale.delete(name);
      trigger("ask", { picked: wanted });
    };
    const later = (wait) => { clearTimeout(timer); timer = setTimeout(look, wait); };
    const names = JSON.parse(props.panels);
    const isOpen = (name) => { // not folded; help has no panel
      const panel = own.byId("panel-" + name);
      return !panel || window.livePage.folds.isOpen(panel);
    };
    document.addEventListener("unfold", () => later(60));
    const watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const name = target.id.slice(own.id("panel-").length);
        if (isIntersecting) seen.add(name); else seen.delete(name);
      }
      later(60);
    }, { rootMargin: "20% 0px" });
    const attach = () => {
      const found = names.map((name) => own.byId("panel-" + name));
      if (found.some((element) => !element)) { setTimeout(attach, 50); return; }
      for (const element of found) watcher.observe(element);
      openHelp(own);
    };
    own.ask = (name) => { stale.add(name); seen.add(name); later(0); };
    own.subscribe(props.channel, () => {
      for (const name of names) stale.add(name);
      for (const name of asked) { stale.add("help:" + name); seen.add("help:" + name); }
      later(STILL);
    });
    attach();
  };

  // ---- help: a button beside every knob, its text brought by the channel dice.help -----------------------------
  const fill = (box, help) => {
    const parts = help.lines.map(({ text, kind }) => node("p", "help-" + kind, text));
    if (help.paper) {
      const line = node("p", "help-paper", help.paper.before);
      const link = node(help.paper.url ? "a" : "span", "", help.paper.text);
      if (help.paper.url) { link.href = help.paper.url; link.target = "_blank"; link.rel = "noreferrer"; }
      line.append(" ", link);
      parts.push(line);
    }
    box.replaceChildren(...parts);
  };
  const boxOf = (knob) => knob.closest(`[id^="${at(knob).id("knob-")}"]`);
  const nameOf = (knob) => boxOf(knob)?.id.slice(at(knob).id("knob-").length);
  const addHelp = (own, helps) => {
    const { asked } = own;
    for (const knob of own.all("#controls .knob")) {
      const name = nameOf(knob);
      if (!name || knob.querySelector(".knob-ask")) continue;
      const label = knob.querySelector(".knob-name span")?.textContent ?? name;
      const button = node("button", "knob-ask", "?");
      const box = node("div", "knob-help");
      button.type = "button";
      box.id = own.id("help-" + name);
      box.hidden = true;
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-controls", box.id);
      button.setAttribute("aria-label", label + "?");
      button.addEventListener("click", (event) => {
        event.preventDefault();
        event.stopPropagation();
        box.hidden = !box.hidden;
        button.setAttribute("aria-expanded", String(!box.hidden));
        if (box.hidden) { asked.delete(name); return; }
        asked.add(name);
        if (helps.has(name)) fill(box, helps.get(name)); else box.textContent = knob.title;
        own.ask("help:" + name);
      });
      knob.querySelector(".knob-name").after(button);
      knob.append(box);
    }
  };
  const openHelp = (own) => {
    if (own.isHelpOpen) return;
    own.isHelpOpen = true;
    const helps = new Map(); // name of the knob -> what the server said last
    addHelp(own, helps);
    new MutationObserver(() => addHelp(own, helps)).observe(own.byId("controls"), { childList: true, subtree: true });
    own.subscribe("dice.help", (payload) => {
      for (const [name, help] of Object.entries(payload)) {
        helps.set(name, help);
        const box = own.byId("help-" + name);
        if (box && !box.hidden) soon(() => fill(box, help), false);
      }
    });
  };

  // ---- OrderList: the stages that are on, to be moved and switched ---------------------------------------------
  const orderList = ({ element, props, trigger, watch }) => {
    const own = at(element), list = element.querySelector(".order-stages");
    const labels = JSON.parse(props.labels), presets = JSON.parse(props.presets), words = JSON.parse(props.words);
    const known = new Set(); // on, or switched off here
    const knob = (name) => own.find(`#knob-${CSS.escape(name)} .knob`);
    const isOn = (name) => { const found = knob(name); return Boolean(found) && !found.classList.contains("is-off"); };
    const order = () => JSON.parse(props.value);
    const shown = () => order().filter((name) => { if (isOn(name)) known.add(name); return known.has(name); });

    const set = (names) => {
      props.value = JSON.stringify(names);
      paint();
      trigger("input", { value: props.value });
    };
    const move = (name, by) => {
      const names = order(), visible = shown();
      const other = visible[visible.indexOf(name) + by];
      if (!other) return;
      const rest = names.filter((item) => item !== name);
      rest.splice(rest.indexOf(other) + (by > 0 ? 1 : 0), 0, name);
      set(rest);
      list.querySelector(`[data-stage="${CSS.escape(name)}"] [data-by="${by}"]:not(:disabled)`)?.focus();
    };
    const stage = (name, i, all) => {
      const item = node("li", isOn(name) ? "" : "is-off");
      item.dataset.stage = name;
      const arrow = (by, sign, word, disabled) => {
        const button = node("button", "order-move", sign);
        button.type = "button";
        button.dataset.by = by;
        button.disabled = disabled;
        button.title = `${word}: ${labels[name]}`;
        button.setAttribute("aria-label", button.title);
        button.addEventListener("click", () => move(name, by));
        return button;
      };
      const toggle = node("input");
      toggle.type = "checkbox";
      toggle.setAttribute("role", "switch");
      toggle.checked = isOn(name);
      toggle.setAttribute("aria-label", labels[name]);
      toggle.addEventListener("change", () => {
        knob(name)?.querySelector("input[role=switch]")?.click();
        setTimeout(paint, 0);
      });
      const value = knob(name)?.querySelector("input[type=number]")?.value ?? "";
      item.append(arrow(-1, "◀", words.earlier, i === 0), toggle, node("span", "order-name", labels[name]),
        node("b", "", isOn(name) ? value : words.off), arrow(1, "▶", words.later, i === all.length - 1));
      return item;
    };
    let painted = ""; // what is on the page: a run tells of new steps many times a second
    const paint = () => {
      const visible = shown();
      const value = (name) => isOn(name) && knob(name).querySelector("input[type=number]")?.value;
      const now = JSON.stringify([order(), visible.map((name) => [name, value(name)])]);
      if (now === painted) return;
      painted = now;
      list.replaceChildren(...(visible.length ? visible.map(stage) : [node("li", "order-empty", words.empty)]));
      const names = order();
      for (const button of element.querySelectorAll("[data-preset]")) {
        const same = presets[button.dataset.preset].filter((name) => names.includes(name)).join() === names.join();
        button.setAttribute("aria-pressed", String(same));
      }
      announce();
    };
    // Beside the other charts it is said that, and which, order they follow.
    const notes = JSON.parse(props.notes);
    const announce = () => {
      const box = own.find(".order-note");
      if (!box) return;
      const pressed = element.querySelector("[data-preset][aria-pressed=true]")?.dataset.preset ?? "own";
      const [usual] = Object.keys(presets);
      box.hidden = pressed === usual;
      if (box.hidden) { box.replaceChildren(); return; }
      const back = node("button", "part-action", words.back);
      back.type = "button";
      back.addEventListener("click", () => set(presets[usual]));
      box.replaceChildren(notes[pressed] + " ", back);
    };
    for (const button of element.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => set(presets[button.dataset.preset]));
    }
    watch("value", paint);
    own.subscribe(props.channel, () => soon(paint, false));
    paint();
  };

  // ---- Finder: only the knobs that match ------------------------------------------------------------------------
  const finder = ({ element }) => {
    const field = element.querySelector("input"), nothing = element.querySelector(".finder-nothing");
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      for (const knob of element.closest(".more").querySelectorAll(".knob")) {
        const text = (knob.textContent + " " + knob.title + " " + knob.dataset.words + " " + nameOf(knob)).toLowerCase();
        const fits = words.every((word) => text.includes(word));
        boxOf(knob).classList.toggle("not-found", !fits);
        count += fits;
      }
      nothing.hidden = count > 0;
    });
  };

  Object.assign(window.livePage, { lookout, orderList, finder });
})();
