// What the components owe to keyboard and screen reader: names that hold what is seen, boxes that scroll by keys,
// sentences that are read out once they stand still. Text is only ever set as textContent or attribute.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.entitle) return;

  const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";

  // The title of something whose visible words are `text`: they are its name and the title describes it, so that what
  // is heard and what is seen are one (and who speaks to the page can name it). Without words the title is the name.
  const entitle = (element, text, title) => {
    const isName = title && !text.trim();
    if (isName) element.setAttribute("aria-label", title); else element.removeAttribute("aria-label");
    if (title && !isName) element.setAttribute("aria-description", title); else element.removeAttribute("aria-description");
  };

  // A box whose content may be larger than it: a stop of the Tab key while it is, unless something in it is one.
  const scrolls = (box) => {
    const look = () => {
      const isLarger = box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1;
      const isStop = isLarger && ![...box.querySelectorAll(FOCUSABLE)].some((one) => one.tabIndex >= 0);
      if (isStop === (box.tabIndex === 0)) return;
      if (isStop) box.tabIndex = 0; else box.removeAttribute("tabindex");
    };
    const watcher = new ResizeObserver(look); // it is told after the browser has laid out the page: asking costs nothing
    watcher.observe(box);
    let watched = [];
    return () => { // after the content was changed
      for (const old of watched) if (!old.isConnected) watcher.unobserve(old);
      watched = [...box.children];
      for (const part of watched) { watcher.unobserve(part); watcher.observe(part); }
    };
  };

  // A sentence that changes with every token is read out once it has stood still: not what the page opened with.
  const STILL = 1600; // ms: longer than a token takes at the slowest pace
  const voices = new Map(); // the sentence -> {region, timer, said, isNew}
  const settled = (holder) => {
    if (!voices.has(holder)) {
      const region = page.node("div", "spoken");
      region.setAttribute("role", "status");
      holder.after(region);
      voices.set(holder, { region, timer: 0, said: null, isNew: false });
    }
    const voice = voices.get(holder);
    voice.isNew ||= voice.said !== null && holder.textContent !== voice.said;
    clearTimeout(voice.timer);
    voice.timer = setTimeout(() => {
      voice.said = holder.textContent;
      if (voice.isNew) voice.region.replaceChildren(voice.said); // the same words again after others are news too
      voice.isNew = false;
    }, STILL);
  };

  Object.assign(page, { entitle, scrolls, settled, FOCUSABLE });
})();
