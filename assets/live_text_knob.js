// TextKnob: a setting that is a text; the page echoes below it which tokens the text became.
// Token text is hostile: it is only ever set as textContent.
(() => {
  "use strict";
  const { at, soon, node } = window.livePage;
  const PAUSE = 500; // milliseconds without a keystroke after which what was typed is read

  const textKnob = ({ element, props, trigger, watch }) => {
    const root = element.querySelector(".knob");
    const toggle = root.querySelector("input[type=checkbox]");
    const off = root.querySelector(".knob-off");
    const body = root.querySelector(".text-knob-body");
    const field = root.querySelector("textarea");
    const echo = root.querySelector(".text-knob-echo");
    let last = "", timer = 0;

    const isOn = () => Boolean((props.value ?? "").trim());
    const open = (isOpen) => {
      toggle.checked = isOpen;
      body.hidden = !isOpen;
      off.hidden = isOpen;
    };
    const show = () => {
      const value = props.value ?? "";
      root.classList.toggle("is-off", !isOn());
      if (isOn()) last = value;
      if (field.value !== value && document.activeElement !== field) field.value = value;
      if (isOn() || document.activeElement !== field) open(isOn());
      grow();
    };
    const grow = () => { field.rows = Math.min(8, Math.max(2, field.value.split("\n").length)); };
    const tell = () => {
      clearTimeout(timer);
      if (!timer) return;
      timer = 0;
      trigger("input", { value: props.value });
    };
    const set = (value) => {
      if (value === props.value) return;
      props.value = value; // at once: a run that is begun takes it, told of or not
      root.classList.toggle("is-off", !isOn());
      if (isOn()) last = value;
      clearTimeout(timer);
      timer = setTimeout(tell, PAUSE);
    };
    field.addEventListener("input", () => { set(field.value); grow(); });
    field.addEventListener("blur", (event) => {
      tell();
      if (!isOn() && event.relatedTarget !== toggle) open(false);
    });
    const turn = (on) => {
      open(on);
      set(on ? last : "");
      field.value = props.value ?? "";
      grow();
      tell();
      if (on) field.focus();
    };
    toggle.addEventListener("change", () => turn(toggle.checked));
    off.addEventListener("click", () => turn(true));
    watch("value", show);
    show();

    at(element).subscribe(props.channel, (payload) => {
      const { parts = [], kind = "" } = payload[props.name] ?? {};
      soon(() => {
        echo.dataset.kind = kind;
        echo.replaceChildren(...parts.map((part) => (
          typeof part === "string" ? document.createTextNode(part) : node("span", "part-" + part.kind, part.text)
        )));
      }, false);
    });
  };

  Object.assign(window.livePage, { textKnob });
})();
