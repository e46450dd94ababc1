// Embed: ?embed=1&view=… shows one panel with its few controls, for a frame in another page, which is told its height.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.embedTab) return;

  const asked = new URLSearchParams(location.search);
  const TABS = { generate: "generate", "next-token": "generate", beam: "beam", compare: "compare", tokenizer: "tokenizer", masks: "attention" };
  const isEmbedded = ["1", "true", "yes"].includes(asked.get("embed") ?? "");
  const view = Object.hasOwn(TABS, asked.get("view") ?? "") ? asked.get("view") : "generate";
  page.embedTab = () => (isEmbedded ? TABS[view] : null); // the tab that its view is on
  if (!isEmbedded) return;

  const root = document.documentElement;
  root.dataset.embed = view;
  if (asked.get("controls") === "0") root.dataset.controls = "0";
  if (!asked.has("theme")) root.dataset.clear = ""; // the colour of the page around it
  let told = 0;
  const tell = () => {
    const main = document.querySelector("#tabs");
    const height = main ? Math.ceil(main.getBoundingClientRect().height) : 0;
    if (!height || height === told) return;
    told = height;
    window.parent.postMessage({ type: "decoding-playground:height", height }, "*");
  };
  const watch = () => {
    const main = document.querySelector("#tabs");
    if (!main) { setTimeout(watch, 50); return; }
    new ResizeObserver(tell).observe(main);
    tell();
  };
  watch();
})();
