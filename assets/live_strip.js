// TokenStrip: the text, every token a button.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.tokenStrip) return;
  const { node, soon } = page;

  // ---- TokenStrip: every token a button -----------------------------------------------------------------------
  // Payload: {start, tokens: [{text, title, shades}], lead?: text, or what a chat template made: [{text, kind}]}
  //   start: how many tokens of the strip stay; `tokens` follow them. A run begins with start 0 and its lead.
  // Payload of the channel "<channel>.look": {index, pinned}: the token on show, and whether the person chose it.
  const tokenStrip = ({ element, props }) => {
    const own = page.at(element), strip = element.querySelector(".token-strip");
    const lead = element.querySelector(".token-lead");
    const chooser = element.querySelector("select");
    let tokens = [], first = 0, leadText = null, inspected = -1, isPinned = false, mode = 0, number = 0, usual = 0;
    const onDemand = chooser.options[props.on_demand]; // the shading of what only some texts have

    const shade = (button, token) => button.style.setProperty("--shade", token.shades[mode] ?? 0);
    const made = (token, index) => {
      const button = node("button", "token", token.text);
      button.type = "button";
      button.dataset.index = index;
      button.title = token.title;
      window.livePage.entitle(button, token.text, token.title);
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
        const parts = Array.isArray(leadText) ? leadText : null;
        // a line of the template's ends where it says so
        if (parts) lead.replaceChildren(...parts.map(({ text, kind }) => node("span", "lead-" + kind, kind.startsWith("own") ? text : text.replaceAll("⏎", "⏎\n"))));
        else lead.textContent = leadText;
        element.querySelector(".lead-legend").hidden = !parts;
        leadText = null;
      }
      const focused = document.activeElement, at = strip.contains(focused) ? Number(focused.dataset.index) : -1;
      while (strip.children.length > first) strip.lastElementChild.remove();
      const fresh = document.createDocumentFragment();
      for (let i = first; i < tokens.length; i += 1) fresh.append(made(tokens[i], i));
      strip.append(fresh);
      first = tokens.length;
      for (const old of strip.querySelectorAll("[aria-pressed=true]")) {
        old.setAttribute("aria-pressed", "false");
        old.tabIndex = -1;
      }
      const box = lead.parentElement; // of a dialogue the newest is in sight, not its beginning
      if (!isPinned && lead.firstElementChild) box.scrollTop = box.scrollHeight;
      const now = strip.children[inspected];
      for (const button of strip.children) if (button.tabIndex !== -1) button.tabIndex = -1;
      if (now) { now.setAttribute("aria-pressed", "true"); now.tabIndex = 0; }
      if (at >= 0 && !strip.contains(document.activeElement)) strip.children[at]?.focus({ preventScroll: true });
      strip.dataset.count = tokens.length;
      strip.dataset.frame = number;
    };
    const receive = (payload, frame) => {
      if (payload.start > tokens.length) { own.resync(props.channel); return; } // something in between was lost
      if (payload.start === 0 && payload.lead !== undefined) leadText = payload.lead;
      const isSame = (token, i) => token.text === tokens[payload.start + i]?.text && token.title === tokens[payload.start + i]?.title;
      const changed = payload.tokens.findIndex((token, i) => !isSame(token, i));
      first = Math.min(first, payload.start + (changed < 0 ? payload.tokens.length : changed));
      tokens = tokens.slice(0, payload.start).concat(payload.tokens);
      number = frame;
      soon(paint, false);
    };
    const look = (index) => { // null: the newest again
      isPinned = index !== null;
      inspected = index ?? tokens.length - 1;
      own.look(props.gaze, index);
      soon(paint, false);
    };

    strip.addEventListener("click", (event) => {
      const button = event.target.closest("button"), index = button ? Number(button.dataset.index) : -1;
      if (button) look(isPinned && index === inspected ? null : index);
    });
    strip.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && isPinned) { event.preventDefault(); look(null); return; }
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const next = step && strip.children[Number(event.target.dataset.index) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
      look(Number(next.dataset.index));
    });
    chooser.addEventListener("change", () => choose(chooser.selectedIndex));
    own.subscribe(props.channel, receive);
    own.subscribe(props.channel + ".look", ({ index, pinned }) => {
      if (own.isAhead(props.gaze)) return;
      [inspected, isPinned] = [index, pinned];
      soon(paint, false);
    });
  };

  Object.assign(page, { tokenStrip });
})();
