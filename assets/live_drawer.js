// A drawer of settings that is opened shows what is in it: its column scrolls until the drawer begins below Run.
(() => {
  "use strict";
  if (window.livePage.isOpening) return;
  window.livePage.isOpening = true;

  document.addEventListener("click", ({ target }) => {
    const opener = target instanceof Element && target.closest(".more > button");
    const column = opener && opener.closest("#controls, .controls");
    if (!column) return;
    requestAnimationFrame(() => setTimeout(() => { // Gradio has opened or closed it by then
      if (!opener.classList.contains("open") || column.scrollHeight <= column.clientHeight) return;
      const over = opener.getBoundingClientRect().top - column.getBoundingClientRect().top - 80; // Run stays above
      if (over > 0) column.scrollTop += over;
    }, 60));
  });
})();
