// The presenter's keys: tokens, run, step, tabs, language, theme, size; a clicker's two. Never while somebody types, nor
// where what has the focus uses the key itself; "?" shows them, and there they can be switched off.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.presenter) return;
  page.presenter = true;

  const OFF = "playground-keys-off", SIZES = [0.8, 0.9, 1, 1.1, 1.25, 1.4, 1.6, 1.8];
  const kept = () => { try { return localStorage.getItem(OFF) === "1"; } catch { return false; } };
  let isOff = kept(), size = 2;
  let own = page.at(); // the part of the page that was touched last, whose keys they are
  for (const touch of ["pointerdown", "focusin"]) document.addEventListener(touch, ({ target }) => { own = page.at(target); }, true);
  const shown = (selector) => [...own.all(selector), ...(own.name ? page.at().all(selector) : [])].find((one) => one.checkVisibility());
  const hasHeader = () => Boolean(shown("#header"));
  const press = (selector) => {
    const button = shown(selector);
    if (!button || button.disabled || button.getAttribute("aria-disabled") === "true") return false;
    button.click();
    return true;
  };
  const token = (by) => { // of the text; on Beam search the steps of the tree
    const scrub = shown(`.beam-bar [data-act=${by > 0 ? "next" : "back"}]`);
    if (scrub) { scrub.click(); return true; }
    const strip = shown(".token-strip, .lane-text, .token-rays .token-text");
    const all = [...(strip?.querySelectorAll(".token") ?? [])], at = all.findIndex((one) => one.getAttribute("aria-pressed") === "true");
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    next?.click();
    next?.scrollIntoView({ block: "nearest" });
    return Boolean(next);
  };
  const ACTIVE = "#pause button, #beam-pause button, #compare-pause button";
  const ACTS = {
    ArrowRight: () => token(1), ArrowLeft: () => token(-1), PageDown: () => token(1), PageUp: () => token(-1),
    " ": () => press(ACTIVE) || press(":is(#run, #beam-run, #compare-run) button"),
    ".": () => press(":is(#step, #beam-step, #compare-step)"), b: () => press("#back"),
    l: () => press("#languages a"), d: () => press("#theme-switch"),
    "+": () => grow(1), "=": () => grow(1), "-": () => grow(-1), "−": () => grow(-1),
    "?": () => {
      if (!hasHeader()) return false; // a dialog in what is not shown would only lock the page
      document.getElementById("keys").showModal();
      document.getElementById("keys-on").checked = !isOff;
      return true;
    },
  };
  for (let number = 1; number <= 9; number += 1) {
    ACTS[number] = () => {
      if (!hasHeader()) return false; // an embed stays on its tab
      const tab = document.querySelectorAll("#tabs > .tab-wrapper [role=tab][data-tab-id]")[number - 1];
      tab?.click();
      return Boolean(tab);
    };
  }
  const grow = (by) => {
    size = Math.min(SIZES.length - 1, Math.max(0, size + by));
    document.querySelector(".gradio-container").style.zoom = SIZES[size];
    return true;
  };

  const TYPES = "input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]";
  const USES_ALL = "canvas, [role=application], [role=slider], [role=listbox], [role=combobox], dialog, [role=dialog]";
  const USES_MOVES = "button, a, summary, input, label, [role=tab], [role=radio], [role=switch], [tabindex]:not([tabindex='-1'])";
  const MOVES = new Set(["ArrowLeft", "ArrowRight", " "]);
  const isFree = (target, key) => {
    if (!(target instanceof Element) || target === document.body) return true;
    if (target.closest(TYPES) || target.closest(USES_ALL)) return false;
    return !(MOVES.has(key) && target.closest(USES_MOVES));
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key, act = Object.hasOwn(ACTS, key) && ACTS[key];
    if (!act || (isOff && key !== "?") || page.pictures?.isOpen() || document.querySelector("dialog[open]") || !isFree(event.target, key)) return;
    if (event.repeat && !MOVES.has(key)) return;
    if (act()) event.preventDefault();
  });
  document.addEventListener("change", ({ target }) => {
    if (target.id !== "keys-on") return;
    isOff = !target.checked;
    try { if (isOff) localStorage.setItem(OFF, "1"); else localStorage.removeItem(OFF); } catch { /* a page without storage */ }
  });
})();
