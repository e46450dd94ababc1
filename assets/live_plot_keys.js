// A chart whose marks can be picked, by keyboard: the arrows go from mark to mark as the pointer does, Enter picks.
// The chart's own label for a mark is shown and read out.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.plotKeys) return;

  // Where the marks with customdata are, in pixels of the chart: of a heat-map the cells, else the bars and points.
  const marksOf = (holder) => {
    const { xaxis, yaxis, _size: size } = holder._fullLayout, marks = [];
    const at = (axis, value) => axis.d2p ? axis.d2p(value) : axis.l2p(value);
    const put = (x, y, picked, width, height) => {
      const left = size.l + at(xaxis, x), top = size.t + at(yaxis, y);
      marks.push({ x: left, y: top, picked, width, height });
    };
    const one = (axis, span) => Math.abs(at(axis, span) - at(axis, 0));
    for (const trace of holder._fullData) {
      if (!trace.customdata) continue;
      if (trace.type === "heatmap") {
        trace.customdata.forEach((row, r) => row.forEach((picked, c) => put(trace.x[c], trace.y[r], picked, one(xaxis, 1), one(yaxis, 1))));
      } else {
        trace.customdata.forEach((picked, i) => {
          if (trace.orientation === "h") {
            put((trace.base?.[i] ?? 0) + trace.x[i] / 2, trace.y[i], picked, one(xaxis, trace.x[i]), one(yaxis, 0.9));
          } else if (trace.meta === "points") { // a point of a plane is where it is
            put(trace.x[i], trace.y[i], picked, 18, 18);
          } else { // the whole column is the target, however short the bar
            put(trace.x[i], 0, picked, Math.max(8, one(xaxis, 0.9)), size.h);
            marks.at(-1).y = size.t + size.h / 2;
          }
        });
      }
    }
    return marks.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  };

  // Called when a chart is drawn for the first time; `help` is read out with its name.
  page.plotKeys = (holder, help) => {
    if (!help) return;
    const ring = page.node("div", "plot-ring"), spoken = page.node("div", "plot-spoken");
    ring.hidden = true;
    spoken.setAttribute("aria-live", "polite");
    holder.append(ring);
    holder.after(spoken);
    holder.tabIndex = 0;
    holder.setAttribute("role", "application");
    holder.setAttribute("aria-roledescription", help);
    let mark = null;

    const say = () => {
      const label = [...holder.querySelectorAll(".hoverlayer text")].map((text) => [...text.querySelectorAll("tspan.line")]
        .map((line) => line.textContent).join(", ") || text.textContent);
      spoken.textContent = [...new Set(label.filter((words) => words.trim()))].join("; ");
    };
    const show = (next) => {
      mark = next;
      ring.hidden = !mark;
      if (!mark) { window.Plotly.Fx.unhover(holder); spoken.textContent = ""; return; }
      ring.style.cssText = `left:${mark.x - mark.width / 2}px;top:${mark.y - mark.height / 2}px;width:${mark.width}px;height:${mark.height}px`;
      const { l, t } = holder._fullLayout._size;
      window.Plotly.Fx.hover(holder, { xpx: mark.x - l, ypx: mark.y - t });
      setTimeout(say, 120); // Plotly draws the label a moment later
    };
    const nearest = (marks) => {
      const far = ({ x, y }) => Math.hypot(x - mark.x, y - mark.y);
      return marks.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null);
    };
    const near = (marks, dx, dy) => { // the next one in a direction; across it as little as can be
      let best = null, least = Infinity;
      for (const one of marks) {
        const along = (one.x - mark.x) * dx + (one.y - mark.y) * dy;
        const across = Math.abs((one.x - mark.x) * dy) + Math.abs((one.y - mark.y) * dx);
        if (along < 0.5 || (dx && across > mark.height / 2 + 1)) continue;
        const far = dy ? along * 1000 + across : along + across * 3;
        if (far < least) { least = far; best = one; }
      }
      return best;
    };
    holder.addEventListener("keydown", (event) => {
      const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const isEnd = event.key === "Home" || event.key === "End", isPick = event.key === "Enter" || event.key === " ";
      if (event.key === "Escape" && mark) { event.preventDefault(); show(null); return; }
      if (event.ctrlKey || event.metaKey || event.altKey || !(way || isEnd || isPick)) return;
      event.preventDefault();
      const marks = marksOf(holder);
      if (!marks.length) return;
      // frames may have moved what is under the mark: it is the one now nearest to it
      const now = mark = mark && nearest(marks);
      if (isPick) { if (now) holder.emit("plotly_click", { points: [{ customdata: now.picked }] }); return; }
      if (!now) { show(marks[event.key === "End" ? marks.length - 1 : 0]); return; }
      if (isEnd) {
        const line = marks.filter(({ y }) => Math.abs(y - now.y) < 1);
        show(line.reduce((a, b) => ((event.key === "End" ? b.x > a.x : b.x < a.x) ? b : a)));
        return;
      }
      show(near(marks, ...way) ?? now);
    });
    holder.addEventListener("blur", () => show(null));
    // a chart that is drawn anew forgets what it was pointed at, and what it was about to show
    holder.on("plotly_afterplot", () => { if (mark) show(nearest(marksOf(holder)) ?? mark); });
  };
})();
