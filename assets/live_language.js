// Language: the page says of itself in which one it is, and a switch leads to the same place in another.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.languages) return;

  const PLACE = "playground-place";
  const root = document.documentElement, served = root.lang;

  // Gradio writes the browser's language there; the page is in the one that it was served in.
  const keep = () => { if (root.lang !== served) root.lang = served; };
  new MutationObserver(keep).observe(root, { attributes: true, attributeFilter: ["lang"] });

  const tabs = () => [...document.querySelectorAll("#tabs > .tab-wrapper [role='tab']")];
  const chosen = () => tabs().findIndex((tab) => tab.getAttribute("aria-selected") === "true");

  // The tab that was open when the language was switched, once the tabs are there.
  const restore = () => {
    let place = -1;
    try {
      place = Number(sessionStorage.getItem(PLACE) ?? -1);
      sessionStorage.removeItem(PLACE);
    } catch { /* a page without storage */ }
    if (!(place > 0)) return;
    const open = () => {
      const tab = tabs()[place];
      tab?.click();
      return tab;
    };
    if (open()) return;
    const watcher = new MutationObserver(() => { if (open()) watcher.disconnect(); });
    watcher.observe(document.body, { childList: true, subtree: true });
  };

  const languages = ({ element }) => {
    for (const link of element.querySelectorAll("[data-language]")) {
      link.addEventListener("click", (event) => { // what else the address says stays
        event.preventDefault();
        try { sessionStorage.setItem(PLACE, String(chosen())); } catch { /* a page without storage */ }
        const address = new URL(location.href);
        address.searchParams.set("lang", link.dataset.language);
        location.assign(address);
      });
    }
    restore();
  };

  Object.assign(page, { languages });
})();
