// Terms: words of the field, underlined where they stand in a sentence; who points at one, taps it or has the focus on it
// reads what it means, with the number that stands beside it. Escape closes. See playground/components/terms.py.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.terms) return;
  const { node } = page;

  const SPOKEN = ".headline, .under, .caption, .stages, .words, .beam-words, .lesson";
  const NUMBER = "[−-]?\\d+(?:,\\d{3})*(?:\\.\\d+)?(?:[eE][−+-]?\\d+)?", UNIT = "(?:\\s?(?:nats|bits|%|奈特|比特))?";
  const AFTER = new RegExp(`^[\\s:：]*(${NUMBER}${UNIT})`), BEFORE = new RegExp(`(${NUMBER})\\s*$`);
  let terms = [], pattern = null;
  const byWord = new Map();
  const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const bounded = (word) => (/^\w+$/.test(word) ? `(?<![\\w-])${word}(?![\\w-])` : escaped(word));

  // ---- underlined ------------------------------------------------------------------------------------------------
  const texts = (holder) => {
    const walker = document.createTreeWalker(holder, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) if (!walker.currentNode.parentElement.closest("button, a, pre, .term")) found.push(walker.currentNode);
    return found;
  };
  const numberOf = (term, text, start, end) => {
    if (term.number === "after") return AFTER.exec(text.slice(end))?.[1] ?? "";
    return term.number === "before" ? BEFORE.exec(text.slice(0, start))?.[1] ?? "" : "";
  };
  const marked = (term, word, number) => {
    const made = node("dfn", "term", word);
    made.tabIndex = 0;
    made.dataset.term = term.name;
    const joined = term.number === "before" ? `${number} ${word}` : `${word} ${number}`;
    made.dataset.shown = number ? joined : word;
    made.setAttribute("aria-description", term.says);
    return made;
  };
  const mark = (holder) => {
    if (!pattern) return;
    const seen = new Set([...holder.querySelectorAll(".term")].map((one) => one.dataset.term));
    for (const text of texts(holder)) {
      const whole = text.data, parts = [];
      let from = 0;
      for (const match of whole.matchAll(pattern)) {
        const term = byWord.get(match[0].toLowerCase()), end = match.index + match[0].length;
        if (seen.has(term.name) || (term.within && !holder.closest(term.within))) continue;
        seen.add(term.name);
        parts.push(whole.slice(from, match.index), marked(term, match[0], numberOf(term, whole, match.index, end)));
        from = end;
      }
      if (parts.length) text.replaceWith(...parts, whole.slice(from));
    }
  };

  // ---- explained -------------------------------------------------------------------------------------------------
  let tip = null, open = null, around = null, timer = 0; // the term that it explains, the sentence that this stands in
  const close = () => { clearTimeout(timer); if (open) { open = null; tip.hidePopover(); } };
  const later = () => { clearTimeout(timer); timer = setTimeout(close, 200); };
  const place = () => {
    const box = open.getBoundingClientRect(), { width, height } = tip.getBoundingClientRect();
    const isAbove = box.bottom + height + 8 > innerHeight && box.top > height + 8;
    tip.style.left = Math.max(8, Math.min(box.left, innerWidth - width - 8)) + "px";
    tip.style.top = (isAbove ? box.top - height - 6 : box.bottom + 6) + "px";
  };
  const explain = (term) => {
    clearTimeout(timer);
    if (!tip) {
      tip = node("div", "term-tip");
      tip.popover = "manual"; // above a picture that takes the page
      tip.setAttribute("role", "tooltip");
      tip.addEventListener("pointerenter", () => clearTimeout(timer));
      tip.addEventListener("pointerleave", later);
      document.body.append(tip);
    }
    const { says } = terms.find(({ name }) => name === term.dataset.term);
    tip.replaceChildren(node("b", "", term.dataset.shown), node("span", "", says));
    open = term;
    around = term.closest(".live-text");
    tip.showPopover();
    place();
  };
  const termAt = ({ target }) => (target instanceof Element ? target.closest(".term") : null);
  for (const kind of ["pointerover", "focusin", "click"]) {
    document.addEventListener(kind, (event) => {
      const term = termAt(event);
      if (term && (kind !== "focusin" || term.matches(":focus-visible"))) explain(term); // not where a focus was put after a click
      else if (kind === "click") close();
    });
  }
  document.addEventListener("pointerout", (event) => { if (termAt(event) && event.pointerType === "mouse" && document.activeElement !== open) later(); });
  document.addEventListener("focusout", (event) => { if (termAt(event) && event.target.isConnected) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && open) { event.preventDefault(); event.stopPropagation(); close(); }
  }, true);
  document.addEventListener("scroll", () => close(), { capture: true, passive: true });

  // After a sentence was drawn, or once with a line that stays.
  const spoken = (holder) => {
    if (!holder.matches(SPOKEN)) return;
    mark(holder);
    if (!open || holder !== around || open.isConnected) return;
    const term = holder.querySelector(`.term[data-term="${open.dataset.term}"]`);
    if (term) explain(term); else close();
  };
  const glossary = ({ props }) => {
    terms = JSON.parse(props.terms);
    for (const term of terms) for (const word of term.words) byWord.set(word.toLowerCase(), term);
    pattern = new RegExp([...byWord.keys()].sort((a, b) => b.length - a.length).map(bounded).join("|"), "gi");
    for (const holder of document.querySelectorAll(".live-text")) spoken(holder);
    for (const line of document.querySelectorAll(".panel-head small")) mark(line);
  };

  const headed = ({ element }) => { for (const line of element.querySelectorAll("small")) mark(line); };

  Object.assign(page, { glossary, headed, terms: { mark, spoken } });
})();
