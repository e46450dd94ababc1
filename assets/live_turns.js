// Turns: a prompt as a list of messages (see playground/components/turns.py). What somebody wrote is only ever a field's value.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.turns) return;
  const { node, soon } = page;
  const PAUSE = 500; // milliseconds without a keystroke after which what was typed is told
  const MOST_ROWS = 8;

  const turns = ({ element, props, trigger, watch }) => {
    const own = page.at(element), root = element.querySelector(".turns"), body = root.querySelector(".turns-body"), list = root.querySelector(".turns-list");
    const goesOn = root.querySelector(".turns-continue"), check = goesOn.querySelector("input");
    const plain = () => own.byId(props.plain);
    const first = () => ({ messages: [{ role: "user", content: plain()?.querySelector("textarea")?.value ?? "" }] });
    let kept = null; // the turns, while the page has a plain text
    let shown = null; // the value that the fields show
    let timer = 0;

    const read = () => {
      const messages = [...list.children].map((item) => ({ role: item.querySelector("select").value, content: item.querySelector("textarea").value }));
      const isLast = messages.at(-1)?.role === "assistant";
      goesOn.hidden = !isLast;
      return JSON.stringify({ messages, ...(isLast && check.checked ? { continue_final_message: true } : {}) });
    };
    const tell = () => {
      clearTimeout(timer);
      if (timer) { timer = 0; trigger("input"); }
    };
    const set = (value, isNow) => {
      if (value === (props.value ?? "")) return;
      shown = props.value = value; // at once: a run that is begun takes it, told of or not
      clearTimeout(timer);
      timer = setTimeout(tell, PAUSE);
      if (isNow) tell();
    };
    const changed = (isNow) => { set(read(), isNow); number(); };
    const fits = window.CSS?.supports("field-sizing", "content"); // then the field grows by itself
    const grow = (field) => { field.rows = fits ? 1 : Math.min(MOST_ROWS, Math.max(1, Math.ceil(field.value.length / 34), field.value.split("\n").length)); };
    const number = () => [...list.children].forEach((item, i) => {
      item.dataset.role = item.querySelector("select").value;
      item.querySelector("textarea").setAttribute("aria-label", `${i + 1}: ${props.words.content}`);
      item.querySelector("select").setAttribute("aria-label", `${i + 1}: ${props.words.role}`);
      const remove = item.querySelector(".turn-remove");
      remove.hidden = list.children.length === 1;
      remove.setAttribute("aria-label", `${i + 1}: ${props.words.remove}`);
    });
    const item = ({ role, content }) => {
      const made = node("li", "turn"), chooser = node("select"), field = node("textarea"), remove = node("button", "turn-remove", "×");
      for (const [name, label] of Object.entries(props.roles)) {
        const option = node("option", "", label);
        option.value = name;
        chooser.append(option);
      }
      chooser.value = role;
      field.value = content;
      field.spellcheck = false;
      remove.type = "button";
      remove.title = props.words.remove;
      grow(field);
      chooser.addEventListener("change", () => changed(true));
      field.addEventListener("input", () => { grow(field); changed(false); });
      field.addEventListener("blur", tell);
      field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || !(event.shiftKey || event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        tell();
        trigger("submit");
      });
      remove.addEventListener("click", () => {
        const next = made.nextElementSibling ?? made.previousElementSibling;
        made.remove();
        changed(true);
        next?.querySelector("textarea").focus();
      });
      made.append(chooser, remove, field);
      return made;
    };
    const parsed = (value) => { try { return value ? JSON.parse(value) : null; } catch { return null; } };
    const show = () => {
      const value = props.value ?? "", dialogue = parsed(value);
      if (dialogue) kept = dialogue;
      body.hidden = !dialogue;
      root.querySelectorAll("[data-mode]").forEach((one) => one.setAttribute("aria-pressed", (one.dataset.mode === "turns") === Boolean(dialogue)));
      plain()?.classList.toggle("is-turns", Boolean(dialogue));
      if (!dialogue || value === shown) return;
      shown = value;
      check.checked = Boolean(dialogue.continue_final_message);
      list.replaceChildren(...(dialogue.messages ?? []).map(item));
      goesOn.hidden = dialogue.messages?.at(-1)?.role !== "assistant";
      number();
      list.scrollTop = list.scrollHeight; // the last turn is the one to write
    };
    const become = (value) => { set(value, true); shown = null; show(); };
    root.querySelector(".turns-switch").addEventListener("click", ({ target }) => {
      const mode = target.closest?.("[data-mode]")?.dataset.mode;
      if (mode === "turns" && body.hidden) become(JSON.stringify(kept ?? first()));
      if (mode === "plain" && !body.hidden) become("");
    });
    root.querySelector(".turns-add").addEventListener("click", () => {
      const role = { user: "assistant", assistant: "user" }[list.lastElementChild?.dataset.role] ?? "user";
      list.append(item({ role, content: "" }));
      changed(true);
      list.lastElementChild.querySelector("textarea").focus();
    });
    check.addEventListener("change", () => changed(true));
    watch("value", show);
    show();
    own.subscribe(props.channel, ({ offered, value }) => soon(() => {
      if (offered !== undefined) {
        root.hidden = !offered;
        if (!offered && props.value) become(""); // a model without a template reads a text
      }
      if (value === undefined) return;
      become(value);
      list.lastElementChild?.querySelector("textarea").focus();
    }, false));
  };

  Object.assign(page, { turns });
})();
