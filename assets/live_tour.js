// Tour: the recorded run played to someone who is here for the first time (see playground/components/tour.py).
(() => {
  "use strict";
  const page = window.livePage;
  if (page.tour) return;

  const SEEN = "playground-tour-seen";
  const GOODBYE = 6000, PATIENCE = 25000; // ms that the last words stay; that the page waits for what it asks for
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const store = (value) => { try { localStorage.setItem(SEEN, value); } catch { /* a page without storage */ } };
  const isNew = () => { try { return !localStorage.getItem(SEEN); } catch { return false; } };

  const tour = ({ element, props, trigger }) => {
    const own = page.at(element), card = element.querySelector(".tour"), words = card.querySelector("p");
    document.body.append(card); // fixed, whatever its tab does
    let scene = "none", asks = null, farewell = "", ringed = null, timer = 0;
    const ring = (selector) => {
      ringed?.classList.remove("tour-ring");
      const found = selector ? own.find(selector) : null; // the panel that it is in: a ring inside covers words
      ringed = found && (page.pictures.panelOf(found) ?? found);
      ringed?.classList.add("tour-ring");
    };
    const hide = () => { clearTimeout(timer); card.hidden = true; asks = null; ring(null); };
    const later = (delay) => { clearTimeout(timer); timer = setTimeout(hide, delay); };
    const isOnShow = () => element.closest('[role="tabpanel"]')?.checkVisibility() ?? true; // not where a link leads to another tab
    const isPlaying = () => !["none", "ready", "over"].includes(scene);
    const start = () => {
      store("1");
      trigger("start");
    };
    const end = () => {
      if (!isPlaying()) return;
      scene = "over";
      hide();
      trigger("end");
    };
    own.subscribe(props.channel, (payload) => {
      const before = scene;
      scene = payload.scene;
      for (const button of own.all(".show-me")) button.hidden = scene === "none";
      if (!payload.text) {
        if (before !== "over" || scene !== "ready") hide();
        if (scene === "ready" && !own.name && isNew() && !calm.matches && !page.brings() && !document.hidden) {
          setTimeout(() => { if (isOnShow()) start(); });
        }
        return;
      }
      words.textContent = payload.text;
      card.hidden = false;
      card.dataset.scene = scene;
      ring(payload.at);
      asks = payload.asks ?? null;
      farewell = payload.done ?? "";
      clearTimeout(timer);
      if (asks) { scene = "over"; later(PATIENCE); } // the rest is up to the person
    });
    card.querySelector("button").addEventListener("click", () => { if (isPlaying()) end(); else hide(); });
    const touched = ({ target }) => {
      if (!(target instanceof Element) || card.contains(target)) return;
      if (isPlaying()) { end(); return; }
      if (card.hidden) return;
      if (!asks || !(page.at(target) === own && target.closest(own.within(asks)))) { if (target.closest("button, input, textarea")) hide(); return; }
      asks = null;
      words.textContent = farewell;
      ring(null);
      later(GOODBYE);
    };
    for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) {
      document.addEventListener(kind, touched, { capture: true, passive: true });
    }
    document.addEventListener("click", ({ target }) => {
      if (target instanceof Element && target.closest(".show-me") && page.at(target) === own) start();
    });
  };

  Object.assign(page, { tour });
})();
