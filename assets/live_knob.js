// Knob and KnobBank: one setting with an off switch, and the values of all knobs of a tab.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.knob) return;

  // ---- KnobBank: the values of all knobs of a tab ---------------------------------------------------------------
  page.everyPart((own) => {
    const banks = new Map(); // name -> {values, knobs: name -> what shows its value, set}
    own.bank = (name) => {
      if (!banks.has(name)) banks.set(name, { values: {}, knobs: new Map(), set: () => {} });
      return banks.get(name);
    };
  });
  const knobBank = ({ element, props, trigger, watch }) => {
    const own = page.at(element), bank = own.bank(props.bank);
    const take = () => {
      const before = bank.values;
      bank.values = JSON.parse(props.value);
      const changed = [...bank.knobs].filter(([name]) => bank.values[name] !== before[name]).map(([, show]) => show);
      for (const show of changed) show();
      return changed;
    };
    bank.set = (name, value) => {
      props.value = JSON.stringify({ ...bank.values, [name]: value });
      take();
      own.slid?.(props.bank, bank.values, name);
      trigger("input");
    };
    watch("value", () => pointOut(take().map((show) => show.root))); // moved by something else: a map, an example
    take();
  };
  // Knobs that were moved from elsewhere: marked for a moment, the first brought into view within its column.
  const pointOut = (roots) => {
    for (const root of roots) {
      root.classList.add("moved");
      clearTimeout(root.unmark);
      root.unmark = setTimeout(() => root.classList.remove("moved"), 2500);
    }
    const first = roots.find((root) => root.offsetParent);
    const column = first?.closest("#controls, .controls");
    if (!column || column.scrollHeight <= column.clientHeight) return;
    const [own, all] = [first.getBoundingClientRect(), column.getBoundingClientRect()];
    if (own.top < all.top || own.bottom > all.bottom - 60) column.scrollTop += own.top - all.top - 80; // Run lies below
  };

  // ---- Knob: one setting, a slider with an off switch; its value is a number, the neutral one when off ---------
  const knob = ({ element, props, trigger, watch }) => {
    const root = element.querySelector(".knob");
    const range = root.querySelector("input[type=range]");
    const number = root.querySelector("input[type=number]");
    const toggle = root.querySelector("input[type=checkbox]");
    const off = root.querySelector(".knob-off");
    const bank = props.bank ? page.at(element).bank(props.bank) : null;
    let last = props.start;

    const value = () => bank?.values[props.name] ?? props.value;
    const show = () => {
      const now = value(), isOn = now !== props.neutral;
      if (isOn) last = now;
      root.classList.toggle("is-off", !isOn);
      toggle.checked = isOn;
      range.value = now;
      number.hidden = !isOn;
      off.hidden = isOn;
      if (isOn && document.activeElement !== number) number.value = now;
      const share = (range.value - range.min) / (range.max - range.min);
      range.style.setProperty("--share", Math.min(1, Math.max(0, share)));
      range.setAttribute("aria-valuetext", isOn ? String(now) : off.textContent);
    };
    const set = (wanted) => {
      if (wanted === value()) return;
      if (bank) { bank.set(props.name, wanted); return; }
      props.value = wanted;
      show();
      trigger("input", { value: wanted });
    };
    range.addEventListener("input", () => set(Number(range.value)));
    number.addEventListener("input", () => {
      const typed = number.valueAsNumber;
      const fits = Number.isFinite(typed) && typed >= props.minimum && typed <= props.maximum
        && (!props.whole || Number.isInteger(typed));
      number.setCustomValidity(fits ? "" : props.range);
      number.reportValidity();
      if (fits) set(typed);
    });
    number.addEventListener("blur", () => { number.setCustomValidity(""); show(); });
    toggle.addEventListener("change", () => set(toggle.checked ? last : props.neutral));
    off.addEventListener("click", () => set(last));
    show.root = root;
    if (bank) bank.knobs.set(props.name, show); else watch("value", show);
    show();
  };

  Object.assign(page, { knob, knobBank });
})();
