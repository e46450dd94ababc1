// LiveText and LiveButton: sentences, tables and code from data; a button whose words come with the frames.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.liveText) return;
  const { copyText, nextFrame, node, soon } = page;

  // ---- LiveText: sentences, tables and code from data ----------------------------------------------------------
  // Payload: {parts: [text | {text, kind, action | look: [gaze, picked], pressed?, label?}]} | {table: {head: [text], rows: [[text]], dots?: [colour]}} | {code: text, copy, copied}
  const liveText = ({ element, props, trigger, watch }) => {
    const holder = element.querySelector(".live-text");
    const filled = window.livePage.scrolls(holder);
    let payload = null, number = 0;
    const part = (item) => {
      if (typeof item === "string") return document.createTextNode(item);
      if (!item.action && !item.look) return node("span", "part-" + item.kind, item.text);
      const button = node("button", "part-" + item.kind, item.text);
      button.type = "button";
      if (item.pressed !== undefined) button.setAttribute("aria-pressed", item.pressed);
      if (item.label) { button.title = item.label; button.setAttribute("aria-label", item.label); }
      button.addEventListener("click", () => {
        if (item.look) page.at(element).look(...item.look); else trigger("act", { picked: item.action });
      });
      return button;
    };
    const table = ({ head, rows, dots }) => {
      const made = node("table"), top = node("tr"), body = node("tbody");
      for (const text of head) { const cell = node("th", "", text); cell.scope = "col"; top.append(cell); }
      rows.forEach((row, place) => {
        const line = node("tr");
        if (dots) line.style.setProperty("--dot", `var(--plot-${dots[place]})`);
        row.forEach((text, i) => {
          const cell = node(i ? "td" : "th", "", text);
          if (!i) cell.scope = "row";
          line.append(cell);
        });
        body.append(line);
      });
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
      const made = node("div", "live-code"), script = node("pre", "", text);
      made.append(button, script);
      window.livePage.scrolls(script);
      return made;
    };
    const paint = () => {
      holder.dataset.kind = payload.kind ?? "";
      const stops = () => [...holder.querySelectorAll("button, .term")];
      const at = stops().indexOf(document.activeElement);
      if (payload.table) holder.replaceChildren(table(payload.table));
      else if (payload.code !== undefined) holder.replaceChildren(code(payload));
      else holder.replaceChildren(...(payload.parts ?? []).map(part));
      window.livePage.terms.spoken(holder);
      if (at >= 0 && payload.code === undefined) stops()[at]?.focus(); // a button that was pressed is drawn anew
      filled();
      if (props.settles) window.livePage.settled(holder);
      holder.dataset.frame = number;
    };
    const receive = (value, frame) => { payload = value; number = frame; soon(paint, false); };
    if (props.channel) page.at(element).subscribe(props.channel, receive);
    watch("value", () => { if (props.value) receive(JSON.parse(props.value), nextFrame()); });
    if (props.value) receive(JSON.parse(props.value), 0);
  };

  // ---- LiveButton: its words come with the frames. Payload: {text, off?, kind?} ----------------------------------------------
  const liveButton = ({ element, props, trigger }) => {
    const button = element.querySelector(".live-button");
    button.addEventListener("click", () => { if (button.getAttribute("aria-disabled") !== "true") trigger("press"); });
    page.at(element).subscribe(props.channel, ({ text, off, kind }) => soon(() => {
      if (button.textContent !== text) button.textContent = text;
      button.setAttribute("aria-disabled", Boolean(off)); // it keeps the focus, as a disabled one would not
      button.dataset.kind = kind ?? "";
    }, false));
  };

  Object.assign(page, { liveButton, liveText });
})();
