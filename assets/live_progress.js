// LiveProgress: a bar and a few words; hidden while there is nothing to wait for. Payload: {share: 0 to 1 | null, text}
(() => {
  "use strict";
  const page = window.livePage;
  if (page.liveProgress) return;

  const liveProgress = ({ element, props }) => {
    const holder = element.querySelector(".live-progress"), bar = holder.querySelector("progress"), words = holder.querySelector("span");
    let newest = null;
    const paint = () => {
      const { share, text } = newest;
      holder.hidden = share === null;
      bar.value = share ?? 0;
      if (words.textContent !== text) words.textContent = text;
    };
    page.at(element).subscribe(props.channel, (value) => { newest = value; page.soon(paint, false); });
  };

  Object.assign(page, { liveProgress });
})();
