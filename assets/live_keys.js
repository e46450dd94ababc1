// The page by keyboard, for all components at once: arrows within a group, Ctrl+Enter runs, Escape closes and lets go,
// the skip links, and a focus that never falls to the body.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.isOnKeys) return;
  page.isOnKeys = true;
  const { FOCUSABLE } = page;

  const isShown = (element) => element.isConnected && element.checkVisibility();
  const canHold = (element) => isShown(element) && !element.disabled && element.tabIndex >= 0;
  const shown = (selector) => [...document.querySelectorAll(selector)].find(isShown);
  const stopsIn = (root) => [...root.querySelectorAll(FOCUSABLE)].filter(canHold);

  // ---- arrows in groups ------------------------------------------------------------------------------------------
  // A group is one stop of the Tab key; the arrows, Home and End move in it, up and down by what is seen. What the
  // component itself does for a key is left to it. `acts`: what the arrows reach is chosen too, as by a click.
  const GROUPS = [
    { box: ".token-strip, .token-rays .token-text, .token-spans", item: ".token, .tok", acts: true },
    { box: ".live-bars", item: ".bar-row" },
    { box: ".live-grid table", item: "td[data-row]" },
    { box: ".head-grid", item: ".head" },
    { box: "[role=tablist]", item: "[role=tab]", acts: true },
    { box: ".order-presets", item: "button", acts: true },
  ];
  const place = (element) => {
    const [box] = element.getClientRects(); // of a token that goes over two lines, the first
    return { x: box.left + Math.min(box.width, 24) / 2, y: box.top + box.height / 2, height: box.height };
  };
  const beside = (items, from, by) => { // the nearest one of the next line
    const here = place(from);
    let best = null, least = Infinity;
    for (const item of items) {
      const there = place(item), down = (there.y - here.y) * by;
      if (down < here.height / 2) continue;
      const far = down * 1000 + Math.abs(there.x - here.x);
      if (far < least) { least = far; best = item; }
    }
    return best;
  };
  const inGroup = (event) => {
    const group = GROUPS.find(({ box }) => event.target.closest(box));
    const from = group && event.target.closest(group.item);
    if (!from) return;
    const items = [...event.target.closest(group.box).querySelectorAll(group.item)].filter(isShown);
    const at = items.indexOf(from);
    const to = {
      ArrowRight: () => items[at + 1], ArrowLeft: () => items[at - 1], Home: () => items[0], End: () => items.at(-1),
      ArrowDown: () => beside(items, from, 1), ArrowUp: () => beside(items, from, -1),
    }[event.key]?.();
    if (to === undefined) return;
    event.preventDefault();
    if (!to || to === from) return;
    for (const item of items) if (item.tabIndex === 0) item.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    if (group.acts) to.click();
  };
  // Gradio gives every radio button a name of its own, and every tab a stop: with one name the browser's own arrows work.
  const tidy = () => {
    for (const set of document.querySelectorAll("fieldset:has(input[type=radio])")) {
      const radios = set.querySelectorAll("input[type=radio]");
      for (const radio of radios) if (radio.name !== radios[0].name) radio.name = radios[0].name;
    }
    for (const tab of document.querySelectorAll("[role=tablist] [role=tab]")) {
      const stop = tab.getAttribute("aria-selected") === "true" || tab === document.activeElement ? 0 : -1;
      if (tab.tabIndex !== stop) tab.tabIndex = stop;
    }
  };

  // ---- Ctrl+Enter, Escape ------------------------------------------------------------------------------------------
  const runner = () => { // of the part of the page that has the focus
    const own = page.at(document.activeElement), buttons = ":is(button.primary, .primary .live-button)";
    return own.name ? own.all(buttons).find(isShown) : shown(".tabitem " + buttons);
  };
  const run = () => {
    const button = runner(), field = document.activeElement;
    if (!button) return false;
    if (field.matches("input, textarea")) { // a number counts when its field is left
      field.blur();
      setTimeout(() => { button.click(); field.focus(); }, 50);
    } else button.click();
    return true;
  };
  const close = (event) => { // the help beside the focus, or all that is open
    const own = event.target.closest?.(".knob")?.querySelector(".knob-ask[aria-expanded=true]");
    const open = own ? [own] : [...document.querySelectorAll(".knob-ask[aria-expanded=true]")].filter(isShown);
    for (const ask of open) ask.click();
    if (open.length && document.activeElement === document.body) open[0].focus();
    return open.length > 0;
  };

  document.addEventListener("keydown", (event) => {
    tidy();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing && run()) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape") close(event); else inGroup(event);
  });
  document.addEventListener("focusin", tidy);

  // ---- skip links --------------------------------------------------------------------------------------------------
  const TARGETS = {
    run: () => runner() ?? shown(".tabitem :is(textarea, input, button)"),
    results: () => {
      const text = shown(":is(.token-strip, .token-text, .token-spans) :is(.token, .tok)[tabindex='0'], .beam-tree canvas");
      return text ?? shown(":is(#results, .results, .sections) :is(button, [tabindex='0'])");
    },
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.(".skip-link");
    if (!link) return;
    event.preventDefault();
    TARGETS[link.dataset.to]?.()?.focus();
  });

  // ---- the focus stays on the page ---------------------------------------------------------------------------------
  // What has the focus may be taken away by its own press, by a new frame or by Gradio: the focus goes to what stands
  // in its place, else to what comes before it. A person who clicks beside everything has let go of it.
  let last = null; // {element, trail: its ancestors, home: component it stands in, index: among the stops of its home}
  const remember = (element) => {
    if (element === document.body) return;
    const trail = [];
    for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) trail.push(up);
    const home = element.closest("[id^=html-], [id]:not(button, input, textarea, select)") ?? trail[0];
    last = { element, trail, home, index: home ? stopsIn(home).indexOf(element) : -1 };
  };
  const substitute = () => {
    const { trail, home, index } = last;
    if (home && isShown(home)) {
      const stops = stopsIn(home);
      if (stops.length) return stops[Math.min(Math.max(index, 0), stops.length - 1)];
    }
    for (const root of trail.filter(isShown)) {
      const stops = stopsIn(root);
      if (!stops.length) continue;
      const below = trail[trail.indexOf(root) - 1];
      const before = below?.isConnected
        ? stops.filter((stop) => stop.compareDocumentPosition(below) & Node.DOCUMENT_POSITION_FOLLOWING).at(-1) : null;
      return before ?? stops[0];
    }
    return null;
  };
  const keep = () => {
    if (!last || document.activeElement !== document.body || !document.hasFocus()) return;
    const next = canHold(last.element) ? last.element : substitute();
    next?.focus({ preventScroll: true });
  };
  let isLooking = false;
  const soonKeep = () => {
    if (isLooking || !last) return;
    isLooking = true;
    requestAnimationFrame(() => setTimeout(() => { isLooking = false; keep(); }, 0));
  };
  document.addEventListener("focusin", (event) => remember(event.target));
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest?.(FOCUSABLE + ", label")) last = null; }, true);
  for (const type of ["keyup", "click", "change"]) document.addEventListener(type, soonKeep, true);
  const watch = () => new MutationObserver(() => {
    if (last && document.activeElement === document.body) soonKeep();
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "hidden"] });
  if (document.body) watch(); else document.addEventListener("DOMContentLoaded", watch);
})();
