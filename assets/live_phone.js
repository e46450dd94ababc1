// On a phone what begins something stands far from what it changes: whatever is begun there comes into sight.
(() => {
  "use strict";
  const BEGINS = { // what is pressed -> where its result appears
    "#run, #step, #back, #controls .chip, #chart-next_token .bar-row[data-pick]": ".strip-panel",
    "#beam-run, #beam-step, #beam-controls .chip": ".beam-panel",
    "#attention-look, #attention-grow": "#attention-sentence",
    "#inside-look": "#inside-text",
  };
  const narrow = window.matchMedia("(max-width: 900px)"), calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  document.addEventListener("click", ({ target }) => {
    if (!narrow.matches || !(target instanceof Element)) return;
    const own = window.livePage.at(target), begun = Object.keys(BEGINS).find((pressed) => target.closest(own.within(pressed)));
    const result = begun && own.find(BEGINS[begun]);
    if (!result) return;
    const { top } = result.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 2) result.scrollIntoView({ block: "start", behavior: calm.matches ? "auto" : "smooth" });
  }, true);
})();
