// Theme: light or dark, as the address asks or as it was left; a switch turns it, and it is remembered.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.theme) return;

  const KEY = "playground-theme";
  const kept = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const asked = () => { // by the address
    const theme = new URLSearchParams(location.search).get("theme");
    return ["dark", "light"].includes(theme) ? theme : null;
  };
  const apply = () => {
    const theme = asked() ?? kept();
    if (theme && document.body.classList.contains("dark") !== (theme === "dark")) {
      document.body.classList.toggle("dark", theme === "dark");
    }
  };
  const start = () => { // Gradio sets a theme of its own while it mounts
    apply();
    new MutationObserver(apply).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (!new URLSearchParams(location.search).has("__theme")) {
    if (document.body) start(); else addEventListener("DOMContentLoaded", start);
  }

  const theme = ({ element }) => { // the switch
    element.querySelector("#theme-switch").addEventListener("click", () => {
      const dark = !document.body.classList.contains("dark");
      const theme = dark ? "dark" : "light", address = new URL(location.href);
      try { localStorage.setItem(KEY, theme); } catch { /* a page without storage */ }
      if (address.searchParams.has("theme")) {
        address.searchParams.set("theme", theme);
        history.replaceState(history.state, "", address);
      }
      document.body.classList.toggle("dark", dark);
    });
  };

  Object.assign(page, { theme });
})();
