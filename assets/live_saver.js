// Saver: a run as a file (see playground/components/saver.py), and such a file dropped on the page, which is shown again.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.saver) return;

  const TYPES = { json: "application/json", csv: "text/csv", text: "text/plain" }, ENDINGS = { text: "txt" };
  const LARGEST = 30_000_000; // bytes of a file that is read
  page.everyPart((own) => { own.askers = new Map(); }); // tab -> (kind) => asks the server
  let texts = {}, asking = null; // {panel, kind}: whose file is on its way

  const saver = ({ element, props, trigger, watch }) => {
    texts = props.texts;
    page.at(element).askers.set(props.tab, (kind) => trigger("ask", { picked: kind }));
    watch("value", () => {
      if (!props.value || !asking) return;
      const { kind, content } = JSON.parse(props.value), { panel } = asking;
      asking = null;
      page.pictures.download(page.pictures.fileName(panel, ENDINGS[kind] ?? kind), content, TYPES[kind]);
    });
  };
  for (const kind of Object.keys(TYPES)) {
    page.pictures.acts[kind] = (panel) => {
      const { name, askers } = page.at(panel);
      const tab = name ? [...askers.keys()][0] : document.querySelector('#tabs > .tab-wrapper [role=tab][aria-selected="true"]')?.dataset.tabId;
      asking = { panel, kind };
      askers.get(tab)?.(kind);
    };
  }

  // One line over the page that goes by itself.
  const say = (words) => {
    const line = page.node("div", "page-note", words);
    line.setAttribute("role", "alert");
    document.body.append(line);
    setTimeout(() => line.remove(), 8000);
  };
  const linkIn = async (file) => { // null: none of ours
    if (file.size > LARGEST) return null;
    try {
      const { format, version, link } = JSON.parse(await file.text());
      return /^decoding-playground\/(run|search|comparison)$/.test(format) && version === 1 && typeof link === "string" ? link : null;
    } catch { return null; }
  };
  const holdsFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  document.addEventListener("dragover", (event) => { if (holdsFile(event)) event.preventDefault(); });
  document.addEventListener("drop", async (event) => {
    if (!holdsFile(event) || event.target.closest?.("input[type=file], .upload-container")) return;
    event.preventDefault();
    const link = await linkIn(event.dataTransfer.files[0]);
    if (link === null) say(texts.other); else if (!link) say(texts.empty); else page.openLink(link);
  });

  Object.assign(page, { saver, say });
})();
