// LivePlot: one Plotly chart, drawn when it is on screen.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.livePlot) return;
  const { nextFrame, paletteNow, resolved, soon, subscribe, themed } = page;

  // ---- LivePlot: one Plotly chart, drawn when it is on screen ------------------------------------------------
  const livePlot = ({ element, props, trigger, watch }) => {
    const holder = element.querySelector(".live-plot");
    let figure = null, number = 0, drawn = null, size = "", onScreen = false;
    let width = 0, height = 0; // told by the observer: asking makes the browser lay out the page

    const made = () => { // the newest figure as Plotly takes it
      const { data, layout, narrow } = resolved(figure, paletteNow(holder));
      if (width < narrow?.below) { // what a chart that is narrower than that has instead: a layout, the size of its words
        Object.assign(layout, narrow.layout);
        for (const { textfont } of data) if (textfont && narrow.size) textfont.size = narrow.size;
      }
      window.livePage.enlarge(data, layout, holder);
      Object.assign(layout, { width, height });
      return { data, layout };
    };
    holder.picture = async () => { // drawn anew, not copied: as SVG, in the zoom of the page
      if (!figure || !width || !window.Plotly) return null;
      const from = drawn === figure ? holder : made(), palette = paletteNow(holder);
      const drawing = await window.Plotly.toImage(from, { format: "svg", width, height, imageDataOnly: true });
      return drawing.replace(/var\((--plot-[a-z-]+)\)/g, (_, name) => palette.getPropertyValue(name).trim());
    };
    const paint = () => {
      if (!figure || !onScreen || !width || !window.Plotly) return;
      const { data, layout } = made();
      window.Plotly.react(holder, data, layout, { displayModeBar: false, responsive: false, doubleClick: "reset" });
      if (drawn === null) {
        holder.on("plotly_click", (event) => {
          const picked = event.points.map((point) => point.customdata).find((value) => value !== undefined);
          if (picked === undefined) return;
          if (props.gaze) window.livePage.look(props.gaze, picked); else trigger("pick", { picked });
        });
      }
      if (drawn === null) window.livePage.plotKeys(holder, props.keys);
      drawn = figure;
      size = width + "×" + height;
      holder.dataset.frame = number;
      if (figure.label) holder.setAttribute("aria-label", figure.label);
    };
    const receive = (payload, frame) => { figure = payload; number = frame; soon(paint, true); };

    // A finger on a chart scrolls the page: Plotly, which would take it for the start of a zoom, hears only of the tap
    // that the browser makes a click of. With a mouse one zooms as ever.
    holder.addEventListener("touchstart", (event) => event.stopPropagation(), { capture: true, passive: true });

    if (props.channel) subscribe(props.channel, receive);
    watch("value", () => { if (props.value) receive(JSON.parse(props.value), nextFrame()); });
    if (props.value) receive(JSON.parse(props.value), 0);
    themed.add(paint);
    new IntersectionObserver((entries) => {
      onScreen = entries[entries.length - 1].isIntersecting;
      if (onScreen && figure !== drawn) soon(paint, true);
    }, { rootMargin: "40% 0px" }).observe(holder);
    new ResizeObserver(([{ contentRect }]) => {
      [width, height] = [Math.floor(contentRect.width), Math.floor(contentRect.height)];
      if (width && size !== width + "×" + height) soon(paint, true);
    }).observe(holder);
  };

  Object.assign(page, { livePlot });
})();
