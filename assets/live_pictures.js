// Pictures: every panel with tools in its head can be saved as SVG and PNG, and enlarged over the page.
//
// How a panel takes part: its `.panel-head` holds what `picture_tools` (tabs/delivery.py) makes; what it shows is DOM, a
// LivePlot, or a canvas with a `picture(paper)`. What made it stands below the picture: the prompt, the tab's state line,
// the model; a tab that knows better says so: livePage.pictures.told.set(tab, () => [line]).
(() => {
  "use strict";
  const page = window.livePage;
  if (page.pictures) return;
  const { svg, paint, measure, wellFormed } = page.paper;

  const MARGIN = 20, LINE = 19, LARGEST = 16000; // px; the most that a side of a PNG has
  const shown = (element) => element?.checkVisibility() ?? false;
  const panelOf = (element) => { // Gradio gives the class of a group to its inside too
    let panel = element.closest(".panel");
    while (panel?.parentElement.closest(".panel")) panel = panel.parentElement.closest(".panel");
    return panel;
  };
  const toolsOf = (panel) => panel.querySelector(".picture-tools");
  const panels = () => [...document.querySelectorAll(".picture-tools")].map(panelOf).filter(shown);
  const open = () => panels().filter((one) => page.folds.isOpen(one)); // of a folded one there is nothing to be seen
  const titleOf = (panel) => panel.querySelector(".panel-head h2")?.textContent.trim() ?? "";

  // ---- what made it -----------------------------------------------------------------------------------------------
  const told = new Map(); // tab -> () => [text], for a tab whose state line does not say it
  const tabOf = (panel) => panel.closest("[role=tabpanel], .apart");
  const nameOf = () => document.querySelector("#tabs > .tab-wrapper [role=tab][aria-selected=true]")?.dataset.tabId ?? "";
  const words = (selector, root) => [...(root?.querySelectorAll(selector) ?? [])].filter(shown).map((one) => one.textContent.trim()).filter(Boolean);
  const promptOf = (panel) => {
    const tab = tabOf(panel), field = (root) => [...(root?.querySelectorAll("textarea") ?? [])].find(shown)?.value;
    return (tab?.querySelector(".token-lead")?.textContent || field(panel) || field(tab) || "").trim();
  };
  const settings = (panel) => {
    const tab = tabOf(panel), own = told.get(nameOf());
    const made = own ? own() : words(".state-line .part-made, .state-line .part-changed", tab);
    const prompt = promptOf(panel), model = words("#model .live-text", document);
    return [prompt && `“${prompt}”`, ...made, ...model].filter(Boolean);
  };
  const stepOf = (panel) => {
    const token = tabOf(panel)?.querySelector(".token-strip .token[aria-pressed=true]");
    return token && !panel.contains(token) ? Number(token.dataset.index) + 1 : 0;
  };
  const slug = (text, most) => {
    const plain = wellFormed(text).normalize("NFC").replace(/[^\p{L}\p{M}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "");
    return [...plain].slice(0, most).join("").replace(/-+$/, "");
  };
  // Example: next-token-7-The-old-king.svg
  const fileName = (panel, ending) => {
    const parts = [slug(titleOf(panel).toLocaleLowerCase(), 40), stepOf(panel) || "", slug(promptOf(panel), 32)];
    return `${parts.filter(Boolean).join("-") || "picture"}.${ending}`;
  };

  // ---- SVG and PNG ------------------------------------------------------------------------------------------------
  const wrapped = (text, font, room) => { // by words; by characters where there is none
    const lines = [""];
    for (const piece of text.replace(/\s+/g, " ").match(/[\p{Script=Han}]|[^\s\p{Script=Han}]+\s?|\s/gu) ?? []) {
      if (lines.at(-1) && measure(font, lines.at(-1) + piece).width > room) lines.push("");
      if (measure(font, piece).width <= room) { lines[lines.length - 1] += piece; continue; }
      for (const character of piece) {
        if (measure(font, lines.at(-1) + character).width > room) lines.push("");
        lines[lines.length - 1] += character;
      }
    }
    return lines.map((line) => line.trimEnd()).filter(Boolean);
  };
  const svgOf = async (panel) => {
    const { group, width, height } = await page.drawPanel(panel), style = getComputedStyle(panel);
    const [ink, muted, paper, family] = ["ink", "muted", "panel", "font"].map((name) => style.getPropertyValue("--plot-" + name).trim());
    const about = settings(panel), wide = Math.max(width, 420) + 2 * MARGIN, font = `400 13px ${family}`;
    const lines = about.flatMap((one) => wrapped(one, font, wide - 2 * MARGIN - 16));
    const high = height + 2 * MARGIN + lines.length * LINE + (lines.length ? 12 : 0);
    const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width: wide, height: high, viewBox: `0 0 ${wide} ${high}` });
    root.append(svg("title", {}, [titleOf(panel), document.title].filter(Boolean).join(" · ")), svg("desc", {}, about.join("\n")));
    root.append(svg("rect", { width: wide, height: high, ...paint("fill", paper) }));
    group.setAttribute("transform", `translate(${MARGIN} ${MARGIN})`);
    root.append(group);
    lines.forEach((line, i) => root.append(svg("text", {
      x: MARGIN + 16, y: height + MARGIN + 20 + i * LINE, "font-size": 13, "font-family": family, ...paint("fill", i ? muted : ink),
    }, line)));
    return new XMLSerializer().serializeToString(root);
  };
  const pngOf = async (panel) => {
    const text = await svgOf(panel), image = new Image();
    image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
    try {
      await image.decode();
      const scale = Math.min(2, LARGEST / image.naturalWidth, LARGEST / image.naturalHeight), canvas = document.createElement("canvas");
      canvas.width = Math.round(image.naturalWidth * scale);
      canvas.height = Math.round(image.naturalHeight * scale);
      canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
      return await new Promise((done, failed) => { canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no picture"))), "image/png"); });
    } finally { URL.revokeObjectURL(image.src); }
  };
  const download = (name, content, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  const save = async (panel, kind) => {
    if (kind === "svg") download(fileName(panel, "svg"), await svgOf(panel), "image/svg+xml");
    else download(fileName(panel, "png"), await pngOf(panel));
  };

  // ---- enlarged over the page --------------------------------------------------------------------------------------
  let stage = null; // {panel, keeps: what holds its place, still: what can't be reached meanwhile}
  const others = (panel) => { // everything that neither holds it nor is in it
    const found = [];
    for (let up = panel; up !== document.body; up = up.parentElement) found.push(...[...up.parentElement.children].filter((one) => one !== up && !one.inert));
    return found;
  };
  const close = () => {
    if (!stage) return;
    const { panel, keeps, still } = stage;
    stage = null;
    panel.hidePopover();
    for (const name of ["popover", "role", "aria-modal", "aria-label", "tabindex"]) panel.removeAttribute(name);
    panel.classList.remove("is-enlarged");
    keeps.remove();
    for (const one of still) one.inert = false;
    toolsOf(panel).querySelector("[data-picture=enlarge]").focus({ preventScroll: false });
  };
  const enlarge = (panel) => {
    close();
    const keeps = page.node("div", "picture-place"), still = others(panel);
    keeps.style.height = panel.offsetHeight + "px";
    panel.before(keeps);
    for (const one of still) one.inert = true;
    panel.popover = "manual";
    panel.classList.add("is-enlarged");
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-modal", "true");
    panel.setAttribute("aria-label", titleOf(panel));
    panel.tabIndex = -1;
    panel.showPopover();
    panel.focus({ preventScroll: true });
    stage = { panel, keeps, still };
  };
  // ---- on the stage: beside the text, alone and as large as the room below it ----------------------------------------
  let staged = null; // {panel, row, column, all: what the arrows go through}
  const leave = () => {
    if (!staged) return;
    for (const [one, name] of [[staged.panel, "is-staged"], [staged.row, "holds-stage"], [staged.column, "has-stage"]]) one.classList.remove(name);
    staged.panel.removeAttribute("tabindex");
    staged = null;
  };
  const takeStage = (panel) => {
    const row = panel.closest(".charts"), all = staged?.all ?? open().filter((one) => one.closest(".charts")?.parentElement === row.parentElement);
    leave();
    staged = { panel, row, column: row.parentElement, all };
    for (const [one, name] of [[panel, "is-staged"], [row, "holds-stage"], [staged.column, "has-stage"]]) one.classList.add(name);
    panel.tabIndex = -1;
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  };
  const giveBack = () => {
    const { panel } = staged;
    leave();
    panel.scrollIntoView({ block: "nearest" });
    toolsOf(panel).querySelector("[data-picture=stage]").focus({ preventScroll: true });
  };
  const around = (by) => { const { all, panel } = staged; takeStage(all[(all.indexOf(panel) + by + all.length) % all.length]); };

  const beside = (by) => {
    const all = open(), at = all.indexOf(stage.panel);
    enlarge(all[(at + by + all.length) % all.length]);
  };

  const ACTS = {
    stage: takeStage, enlarge: (panel) => enlarge(panel), close: () => (stage ? close() : staged && giveBack()),
    before: () => (stage ? beside(-1) : staged && around(-1)), after: () => (stage ? beside(1) : staged && around(1)),
    png: (panel) => save(panel, "png"), svg: (panel) => save(panel, "svg"),
  };
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest("[data-picture]");
    for (const menu of document.querySelectorAll(".picture-save[open]")) if (button || !menu.contains(target)) menu.open = false;
    if (!button) return;
    Promise.resolve(ACTS[button.dataset.picture]?.(panelOf(button), button)).catch((error) => console.error(error));
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest?.(".picture-save[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);
  document.addEventListener("keydown", (event) => {
    if (!(stage || staged?.panel.contains(event.target)) || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { event.preventDefault(); ACTS.close(); return; }
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], isFree = event.target === (stage ?? staged).panel || event.target === document.body || event.target.closest?.(".picture-tools");
    if (by && isFree) { event.preventDefault(); (stage ? beside : around)(by); }
  });

  page.pictures = { told, panels, svgOf, pngOf, fileName, slug, download, acts: ACTS, panelOf, isOpen: () => stage !== null };
})();
