// Folds: a panel that opens by its name. What is open is remembered by this browser, and is in the address: open=dice,script.
//
// How a panel takes part: its group has the class `folds`, its head is made by `head(…, fold=name)` (tabs/delivery.py).
// What is folded is not drawn: its charts are not on screen, and the lookout does not ask for it.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.fold) return;

  const KEPT = "playground-open", NAME = /^[a-z-]{1,24}$/, ALL = "all";
  const folds = []; // {name, panel, part, button, isOpen}; a name may be that of a panel on each of two tabs
  const listed = (text) => new Set((text ?? "").split(",").slice(0, 60).filter((name) => NAME.test(name)));
  const kept = () => { try { return listed(localStorage.getItem(KEPT)); } catch { return new Set(); } };
  const inAddress = () => new URLSearchParams(location.search).get("open");
  const embedded = () => document.documentElement.dataset.embed; // a frame shows what its link says, nothing else
  // A link that says nothing of panels opens the one that what it asks for is drawn in.
  const needed = () => (/[?&#]drawn=/.test(location.search + location.hash) ? ["texts"] : []);
  let open = inAddress() !== null || embedded() ? listed(inAddress()) : new Set([...kept(), ...needed()]);
  const wants = (name) => open.has(name) || open.has(ALL) || name === embedded();

  const show = (fold, isOpen = wants(fold.name)) => {
    fold.isOpen = isOpen;
    fold.button.setAttribute("aria-expanded", fold.isOpen);
    for (const one of [fold.panel, ...fold.panel.querySelectorAll(".folds")]) one.classList.toggle("is-open", fold.isOpen);
    if (fold.isOpen) document.dispatchEvent(new CustomEvent("unfold"));
  };
  const tabOf = ({ panel }) => panel.closest("[role=tabpanel]");
  const turn = (fold) => {
    const { name } = fold;
    if (fold.part.name) { show(fold, !fold.isOpen); return; } // neither the browser nor the address remembers it
    const isOpen = wants(name), all = folds.map((fold) => fold.name), before = kept();
    if (open.has(ALL)) open = new Set([...open, ...all].filter((one) => one !== ALL));
    if (before.delete(ALL)) for (const one of all) before.add(one);
    for (const names of [open, before]) if (isOpen) names.delete(name); else names.add(name);
    try { localStorage.setItem(KEPT, [...before].join(",")); } catch { /* a page without storage */ }
    for (const fold of folds) if (fold.name === name && !fold.part.name) show(fold);
    page.addressChanged?.();
  };

  const fold = ({ element }) => {
    page.headed({ element });
    const head = element.querySelector("[data-fold]"), button = head.querySelector("button.fold");
    const made = { name: head.dataset.fold, panel: page.pictures.panelOf(head), part: page.at(element), button, isOpen: false };
    folds.push(made);
    show(made);
    head.addEventListener("click", ({ target }) => { // the whole of a folded head opens
      if (target.closest("button.fold") || (!made.isOpen && !target.closest("button, a, summary"))) turn(made);
    });
  };

  // What is open on the tab that is shown, for the address; null where nothing on it folds.
  const opened = () => {
    const here = folds.filter((one) => one.panel.isConnected && !one.part.name && tabOf(one)?.checkVisibility());
    here.sort((one, other) => (one.panel.compareDocumentPosition(other.panel) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    return here.length ? here.filter((one) => one.isOpen).map((one) => one.name) : null;
  };
  addEventListener("popstate", () => {
    if (inAddress() === null) return;
    open = listed(inAddress());
    for (const one of folds) if (!one.part.name && one.isOpen !== wants(one.name)) show(one);
  });
  const isOpen = (panel) => !panel.matches(".folds:not(.is-open)");

  Object.assign(page, { fold, folds: { opened, isOpen } });
})();
