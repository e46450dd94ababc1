// Address: what the page's address says goes through the door of its tab (see playground/components/door.py), and what
// the server says of a tab's run, {run, view, ended, gave}, is what the address says.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.door) return;

  const doors = new Map(); // tab -> what sends an address to the server
  const LOOKS = ["tokenizer", "attention", "inside", "lockstep"]; // tabs whose links bring a text and where it is looked at
  let homes = null, beside = []; // of strategies; parameters that bring no settings
  const PATIENCE = 300; // ms without a change after which the address is brought up to date
  const LONGEST = 6000; // characters of a query: servers refuse long ones; what is longer stands behind the #
  const said = new Map(); // tab -> what the server said of it last
  let entry = { key: "", url: location.href }; // the run that the entry of the history is of; null while one is opened
  let written = "", timer = 0;
  let waiting = null; // {tab, query} for a door that is not there yet: a tab is laid out when it is first opened

  const hash = () => (location.hash.includes("=") ? location.hash.slice(1) : ""); // "#run" is a place of the page
  const query = () => [location.search.slice(1), hash()].filter(Boolean).join("&");
  const isBeside = (name) => beside.includes(name) || name.startsWith("__") || name.startsWith("utm_");
  // Whether the address brings settings; to be asked once a door is there, which knows what brings none.
  const brings = () => [...new URLSearchParams(query()).keys()].some((name) => !isBeside(name));

  const button = (tab) => document.querySelector(`#tabs > .tab-wrapper [data-tab-id="${tab}"]`);
  const open = (tab) => {
    const shown = button(tab);
    if (shown && shown.getAttribute("aria-selected") !== "true") shown.click();
  };

  const deliver = () => {
    const send = waiting && doors.get(waiting.tab);
    if (!send) return;
    const { query: asked } = waiting;
    said.delete(waiting.tab); // of the run before
    waiting = null;
    send(asked);
  };

  // ---- the address says what the page shows -----------------------------------------------------------------------
  const selected = () => document.querySelector('#tabs > .tab-wrapper [data-tab-id][aria-selected="true"]')?.dataset.tabId;
  const keyOf = (tab) => `${tab}?${said.get(tab)?.run ?? ""}`;
  const address = (tab) => {
    const { run = "", view = "", ended = false } = said.get(tab) ?? {};
    const before = new URLSearchParams(location.search), kept = new URLSearchParams();
    for (const [name, value] of before) {
      if (name === "autorun" ? run && !ended : name !== "tab" && name !== "open" && isBeside(name)) kept.append(name, value);
    }
    const names = page.folds.opened(), open = names ? names.join(",") : before.get("open") ?? "";
    const settings = [run, view].filter(Boolean).join("&"), isLong = settings.length > LONGEST;
    const place = tab === "generate" && !run ? "" : `tab=${tab}`;
    const search = [place, isLong ? "" : settings, open && `open=${encodeURIComponent(open).replaceAll("%2C", ",")}`, kept.toString()].filter(Boolean).join("&");
    const end = isLong ? `#${settings}` : hash() ? "" : location.hash;
    return location.pathname + (search ? `?${search}` : "") + end;
  };
  const replace = (url) => {
    history.replaceState(history.state, "", url);
    written = query();
  };
  const write = () => {
    clearTimeout(timer);
    const tab = selected();
    if (!homes || !tab || waiting) return;
    const { run, ended } = said.get(tab) ?? {};
    if (entry.key === null && !run) return; // the link that is being opened is not in the controls yet
    const url = address(tab);
    if (ended && entry.key !== null && keyOf(tab) !== entry.key) { // another run than that of the entry, which keeps its own
      history.replaceState(history.state, "", entry.url);
      history.pushState(null, "", url);
      written = query();
    } else if (url !== location.pathname + location.search + location.hash) replace(url);
    if (ended) entry = { key: keyOf(tab), url };
  };
  const later = () => { clearTimeout(timer); timer = setTimeout(write, PATIENCE); };
  for (const [tab, name] of [["generate", "address"], ...["beam", "compare", ...LOOKS].map((one) => [one, one + ".address"])]) {
    page.at().subscribe(name, (payload) => {
      said.set(tab, payload);
      if (tab === selected()) { if (payload.ended) write(); else later(); }
    });
  }
  document.addEventListener("click", ({ target }) => { // another tab: its own run, in the same entry
    if (target instanceof Element && target.closest("#tabs > .tab-wrapper [role='tab']")) later();
  });
  addEventListener("popstate", () => {
    if (!homes || query() === written) return; // a place of the page
    if (location.hash && !hash()) { write(); return; }
    if (brings() || !said.get(selected())?.run) enter(); else location.reload(); // as it is met without a link
  });

  const enter = () => {
    entry = { key: brings() ? null : keyOf("generate"), url: location.href };
    written = query();
    const asked = new URLSearchParams(query());
    const named = asked.get("tab"), known = /^[a-z]+$/.test(named ?? "") && button(named);
    const home = Object.hasOwn(homes, asked.get("strategy") ?? "") ? homes[asked.get("strategy")] : "generate";
    const tab = page.embedTab?.() ?? (known ? named : home);
    if (asked.has("tab") || tab !== "generate") open(tab);
    waiting = brings() ? { tab: (["compare", ...LOOKS].includes(tab) || Object.values(homes).includes(tab)) ? tab : "generate", query: query() } : null;
    deliver();
  };

  // The address of what is on the page now, and for Share the tokens that it gave (playground/runs/gave.py).
  const addressNow = () => {
    const tab = selected();
    return !homes || !tab || waiting || (entry.key === null && !said.get(tab)?.run) ? location.href : address(tab);
  };
  const gave = () => said.get(selected())?.gave ?? "";

  // A link from elsewhere than the address: a file that was dropped on the page.
  const openLink = (link) => {
    const before = new URLSearchParams(location.search), kept = new URLSearchParams();
    for (const name of ["lang", "theme"]) if (before.has(name)) kept.set(name, before.get(name));
    const isLong = link.length > LONGEST;
    history.pushState(null, "", location.pathname + "?" + [isLong ? "" : link, kept.toString()].filter(Boolean).join("&") + (isLong ? "#" + link : ""));
    enter();
  };

  const door = ({ element, props, trigger }) => {
    if (page.at(element).name) return; // the address is the page's: no part of it is filled by it, nor says it
    doors.set(props.tab, (asked) => { props.value = asked; trigger("input"); });
    const isFirst = homes === null;
    ({ homes, beside } = props);
    if (isFirst) enter(); else deliver();
  };

  Object.assign(page, { addressChanged: later, addressNow, brings, door, gave, openLink });
})();
