// While one of four sliders is dragged, the page redraws the charts of the step by itself, from the row it holds: shapes
// only. Numbers come back with the server's answer to where the slider stands; answers to where it stood are not drawn.
(() => {
  "use strict";
  const page = window.livePage;
  if (page.at().slid) return;

  const CHANNELS = ["next_token", "cutoffs", "temperature"];
  const PATIENCE = 1500; // ms after the last move: an answer that has not come by then does not come

  // ---- what is drawn -----------------------------------------------------------------------------------------------
  const power = (exponent) => (exponent >= -4 ? `${Number((100 * 10 ** exponent).toPrecision(6))} %` : "10⁻" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[-exponent]);
  const percents = (floor, from) => { // of a logarithmic axis: as in playground/panels/figures/cutoffs.py
    const powers = [];
    for (let exponent = from; exponent <= 0; exponent += 1) if (10 ** exponent >= floor) powers.push(exponent);
    return { tickvals: powers.map((one) => 10 ** one), ticktext: powers.map(power) };
  };
  const cutColour = (name) => `var(--plot-cut-${name.replaceAll("_", "-")})`;

  const bars = (payload, shapes, row, settings) => {
    const finals = row.candidates.map(([logit]) => shapes.final.probability(logit));
    const longest = Math.max(...payload.rows.map(({ fill, edge }) => Math.max(fill ?? 0, edge ?? 0)));
    const scale = longest / Math.max(1e-9, ...finals, ...row.candidates.map(([, raw]) => raw));
    const rows = payload.rows.map((one, i) => {
      if (!row.candidates[i]) return one;
      const [logit, raw] = row.candidates[i];
      const by = logit === null ? null : shapes.cuts.find(({ kept }) => shapes.above(logit) >= kept)?.name;
      const line = logit === null ? one.line : by ? cutColour(by) : "var(--plot-ink)";
      return { ...one, fill: finals[i] * scale, edge: raw * scale, line, cut: logit === null || Boolean(by) };
    });
    return { ...payload, rows, isHushed: true, settings: JSON.stringify(settings) };
  };

  const cutoffs = (figure, { base, cuts }) => {
    const [first, second] = figure.data, ranks = first.x, { layout } = figure;
    const probabilities = ranks.map((rank) => Math.max(1e-12, base.at(rank))), reached = ranks.map((rank) => base.mass(rank));
    const floor = Math.max(1e-9, Math.min(...probabilities)), left = 10 ** layout.xaxis.range[0];
    const middle = Math.round(0.5 * (ranks.length - 1));
    const names = layout.annotations.slice(-2).map((one, i) => ({ ...one, y: Math.log10(Math.max([reached, probabilities][i][middle], 1e-12)) }));
    const upright = { xref: "x", yref: "paper", y0: 0, y1: 1 };
    const rect = { ...upright, type: "rect", layer: "below", x0: left, fillcolor: "var(--plot-accent-pale)", line: { width: 0 } };
    const lines = cuts.map(({ name, kept }) => ({
      ...upright, type: "line", x0: kept + 0.3, x1: kept + 0.3, line: { color: cutColour(name), width: 2.4 },
    }));
    return {
      ...figure,
      data: [{ ...first, y: probabilities }, { ...second, y: reached }],
      layout: {
        ...layout,
        yaxis: { ...layout.yaxis, range: [Math.log10(floor / 2), Math.log10(1.6)], ...percents(floor / 3, -9) },
        shapes: cuts.length ? [{ ...rect, x1: cuts.at(-1).kept + 0.3 }, ...lines] : [],
        annotations: names,
      },
    };
  };

  const curves = (figure, now, row) => { // the heavy curve is the last; its line of the legend is the bold one
    if (!row.raw) return figure;
    const { data, layout } = figure, { single, order } = row;
    const plain = page.shapes(row, { temperature: now }, order.filter((name) => name === "temperature")).final;
    const y = data.at(-1).x.map((_, i) => plain.probability(single[i] ?? null));
    const all = [...data.slice(0, -1), { ...data.at(-1), y }];
    const floor = Math.max(1e-6, Math.min(...all.flatMap((one) => one.y.filter((p) => p > 0))) / 1.5);
    const hush = (one) => ({ ...one, text: one.text.replace(/<b>.*?<\/b>/, "<b>…</b>") });
    return {
      ...figure,
      data: all,
      layout: {
        ...layout,
        yaxis: { ...layout.yaxis, range: [Math.log10(floor), Math.log10(1.4)], ...percents(floor, -6) },
        annotations: layout.annotations.map(hush),
      },
      ...(figure.narrow ? { narrow: { ...figure.narrow, layout: { ...figure.narrow.layout, annotations: figure.narrow.layout.annotations.map(hush) } } } : {}),
    };
  };

  // ---- when ----------------------------------------------------------------------------------------------------------
  page.everyPart((own) => {
    const shown = {}; // channel -> the server's newest payload
    let row = null, settings = null, timer = 0;

    const draw = () => {
      const shapes = page.shapes(row, settings, row.order);
      if (shown.next_token?.rows.length) own.preview("next_token", bars(shown.next_token, shapes, row, settings));
      if (shown.cutoffs?.data.length === 2) own.preview("cutoffs", cutoffs(shown.cutoffs, shapes));
      const isWarmer = settings.temperature !== row.settings.temperature;
      if (isWarmer && shown.temperature?.data.length) own.preview("temperature", curves(shown.temperature, settings.temperature, row));
    };
    const isCurrent = (one) => Object.keys(row.settings).every((name) => one[name] === settings[name]);
    const release = (isLate) => {
      clearTimeout(timer);
      settings = null;
      if (isLate) for (const name of CHANNELS) if (shown[name]) own.preview(name, shown[name]);
    };
    // A knob of a bank was moved by hand: all values of the bank, and the knob's name.
    own.slid = (bank, values, name) => {
      if (bank !== "generate" || !row) return;
      if (!(name in row.settings)) { if (settings) release(false); return; }
      settings = values;
      clearTimeout(timer);
      timer = setTimeout(() => release(true), PATIENCE);
      draw();
    };
    own.subscribe("next_token.row", (payload) => {
      row = payload;
      if (settings && (!row || isCurrent(row.settings))) release(false);
    });
    for (const name of CHANNELS) {
      own.hold(name, (payload) => { shown[name] = payload; return settings !== null; });
    }
  });
})();
