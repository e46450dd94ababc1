// Share: what is on the page as a link, a QR code and a piece of HTML for another page (playground/tabs/header_tools.py).
(() => {
  "use strict";
  const page = window.livePage;
  if (page.shares) return;

  const LONGEST_CODE = 900; // characters: as playground/tabs/qr.py
  const VIEWS = { generate: "generate", "next-token": "generate", beam: "beam", compare: "compare", tokenizer: "tokenizer", masks: "attention" };
  const byId = (id) => document.getElementById(id);
  const tab = () => document.querySelector('#tabs > .tab-wrapper [role=tab][aria-selected="true"]')?.dataset.tabId ?? "generate";

  // The address without what belongs to who looks: on a Space it is that of the host itself, not of the page around it.
  const link = () => {
    const address = new URL(page.addressNow(), location.href);
    for (const name of [...address.searchParams.keys()]) if (name.startsWith("__") || name.startsWith("utm_")) address.searchParams.delete(name);
    for (const [name, value] of new URLSearchParams(page.gave())) address.searchParams.set(name, value);
    return address;
  };
  const embedded = () => {
    const address = link(), view = byId("share-view").value;
    address.searchParams.set("embed", "1");
    address.searchParams.set("view", view);
    if (!byId("share-controls").checked) address.searchParams.set("controls", "0");
    address.searchParams.delete("tab");
    if (VIEWS[view] !== tab()) for (const name of [...address.searchParams.keys()]) if (!["embed", "view", "controls", "lang", "theme"].includes(name)) address.searchParams.delete(name);
    const quoted = address.href.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
    return `<iframe src="${quoted}" title="Decoding Playground" style="width:100%;height:640px;border:0"></iframe>
<script>addEventListener("message", ({ data, source }) => { if (data?.type === "decoding-playground:height")
  for (const frame of document.querySelectorAll("iframe")) if (frame.contentWindow === source) frame.style.height = data.height + "px"; });</script>`;
  };
  const fill = () => {
    const { href } = link(), fits = href.length <= LONGEST_CODE;
    byId("share-link").value = href;
    byId("share-qr").hidden = !fits;
    byId("share-long").hidden = fits;
    if (fits) byId("share-qr").src = "share/qr.svg?text=" + encodeURIComponent(href);
    byId("share-code").value = embedded();
  };
  document.addEventListener("click", async ({ target }) => {
    if (!(target instanceof Element)) return;
    if (target.closest("#share-open")) {
      const now = Object.keys(VIEWS).find((view) => VIEWS[view] === tab());
      byId("share-view").value = now ?? "generate";
      fill();
      byId("share").showModal();
    }
    const copy = target.closest("[data-copy]");
    if (copy) {
      const words = copy.textContent;
      await page.copyText(byId(copy.dataset.copy).value);
      copy.textContent = copy.dataset.copied;
      setTimeout(() => { copy.textContent = words; }, 1500);
    }
    if (target.matches("dialog.page-dialog")) target.close(); // beside it
  });
  document.addEventListener("change", ({ target }) => { if (target.closest?.("#share")) byId("share-code").value = embedded(); });
  page.shares = true;
})();
