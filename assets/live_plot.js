// LivePlot: one Plotly chart, drawn when it is on screen. A picture that goes on changing is sketched (live_sketch.js)
// and drawn by Plotly as soon as it stands still, or at once under the pointer: there it answers.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.livePlot) return;
  const { nextFrame, node, paletteNow, resolved, soon, themed } = page;
  const STILL = 200; // ms without another figure

  const livePlot = ({ element, props, trigger, watch }) => {
    const holder = element.querySelector(".live-plot");
    let figure = null, number = 0, drawn = null, sketched = null, size = "", onScreen = false;
    let width = 0, height = 0, factor = 1; // told by the observer: asking makes the browser lay out the page
    let canvas = null, timer = 0, isPointedAt = false;
    let isPassing = false; // a figure of the page's own: the server's is on its way
    let written = ""; // the figure that Plotly has drawn, as text

    const made = () => { // the newest figure as Plotly takes it
      const { data, layout, narrow } = resolved(figure, paletteNow(holder));
      if (width < narrow?.below) { // what a chart that is narrower than that has instead: a layout, the size of its words
        Object.assign(layout, narrow.layout);
        for (const { textfont } of data) if (textfont && narrow.size) textfont.size = narrow.size;
      }
      page.enlarge(data, layout, factor);
      return { data, layout: Object.assign(layout, { width, height }) };
    };
    holder.picture = async () => { // drawn anew, not copied: as SVG, in the zoom of the page
      if (!figure || !width || !window.Plotly) return null;
      const from = drawn === figure ? holder : made(), palette = paletteNow(holder);
      const drawing = await window.Plotly.toImage(from, { format: "svg", width, height, imageDataOnly: true });
      return drawing.replace(/var\((--plot-[a-z-]+)\)/g, (_, name) => palette.getPropertyValue(name).trim());
    };
    holder.traces = () => made().data; // with the numbers and colours of what it shows
    const shows = () => {
      holder.dataset.frame = number;
      if (figure.label) holder.setAttribute("aria-label", figure.label);
    };
    const paint = () => {
      if (!figure || !onScreen || !width || !window.Plotly) return;
      clearTimeout(timer);
      const { data, layout } = made();
      window.Plotly.react(holder, data, layout, { displayModeBar: false, responsive: false, doubleClick: "reset" });
      if (drawn === null) {
        holder.on("plotly_click", (event) => {
          const picked = event.points.map((point) => point.customdata).find((value) => value !== undefined);
          if (picked === undefined) return;
          if (props.gaze) page.at(element).look(props.gaze, picked); else trigger("pick", { picked });
        });
      }
      if (drawn === null) window.livePage.plotKeys(holder, props.keys);
      drawn = figure;
      written = props.sketched ? JSON.stringify(figure) : "";
      sketched = null;
      holder.classList.remove("is-sketched");
      size = width + "×" + height;
      shows();
    };

    // ---- a picture that will not stay --------------------------------------------------------------------------------
    const isZoomed = () => ["xaxis", "yaxis"].some((axis) => {
      const wanted = drawn.layout[axis]?.range, now = holder._fullLayout?.[axis]?.range;
      return wanted && now && wanted.some((end, i) => Math.abs(end - now[i]) > 1e-6);
    });
    const sketches = () => props.sketched && drawn !== null && size === width + "×" + height && !isPointedAt
      && page.sketch.canDraw(figure) && !isZoomed();
    const sketch = () => {
      if (!figure || figure === drawn || !onScreen) return;
      if (!sketches()) { soon(paint, true); return; }
      if (!canvas) { canvas = node("canvas", "chart-sketch"); canvas.setAttribute("aria-hidden", "true"); holder.append(canvas); }
      const palette = paletteNow(holder);
      page.sketch.draw(canvas, made(), (colour) => resolved(colour, palette));
      holder.classList.add("is-sketched");
      sketched = figure;
      shows();
      clearTimeout(timer);
      if (!isPassing) timer = setTimeout(() => soon(paint, true), STILL);
    };
    const receive = (payload, frame, passes = false) => {
      figure = payload;
      number = frame;
      isPassing = passes;
      if (props.sketched && drawn !== null && !sketched && JSON.stringify(payload) === written) { // as it was
        drawn = figure;
        shows();
        return;
      }
      if (props.sketched && drawn !== null) soon(sketch, false); else soon(paint, true);
    };
    const pointed = (isOn) => () => {
      isPointedAt = isOn;
      if (isOn && sketched) soon(paint, true);
    };
    for (const [event, isOn] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
      holder.addEventListener(event, pointed(isOn));
    }

    // A finger on a chart scrolls the page: Plotly, which would take it for the start of a zoom, hears only of the tap
    // that the browser makes a click of. With a mouse one zooms as ever.
    holder.addEventListener("touchstart", (event) => event.stopPropagation(), { capture: true, passive: true });

    if (props.channel) page.at(element).subscribe(props.channel, receive);
    watch("value", () => { if (props.value) receive(JSON.parse(props.value), nextFrame()); });
    if (props.value) receive(JSON.parse(props.value), 0);
    themed.add(paint);
    new IntersectionObserver((entries) => {
      onScreen = entries[entries.length - 1].isIntersecting;
      if (onScreen && figure !== drawn) soon(paint, true);
    }, { rootMargin: "40% 0px" }).observe(holder);
    new ResizeObserver(([{ contentRect }]) => {
      [width, height] = [Math.floor(contentRect.width), Math.floor(contentRect.height)];
      factor = page.chartFactor(holder);
      if (width && size !== width + "×" + height) soon(paint, true);
    }).observe(holder);
  };

  Object.assign(page, { livePlot });
})();
