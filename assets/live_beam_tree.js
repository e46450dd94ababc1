// BeamTree: the tree of a beam search, mounted once, growing in place; hover, zoom, scrub and play without the server.
//
// Payload: {start, tokens: [layer], ends: [[step, index]], is_final, alpha, steps, prompt?, label}
//   start: how many layers stay (as in a token strip); a layer lists the candidates of a step:
//     [parent, label, logprob, cum, score, fate, beam, rank, note]; parent is an index into the layer before (-1: the prompt),
//     beam its place among the running beams (-1: none), note what else there is to say of it, then the number of the
//     colour of its sequence (-1: none), which it keeps whatever its rank becomes.
//   ends: where the best sequences end, best first: the running beams, after the end the finished ones.
(() => {
  "use strict";
  const live = window.livePage;
  if (!live || live.beamTree) return;
  const { soon, node: made } = live;
  const { layout, claim, isCore, KEPT } = live.beamLayout;
  const { paint: draw, palette, columns, place: column, GAP, FAR } = live.beamPaint;

  const FADE = 260; // ms
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const power = (base, alpha) => (alpha === 1 ? String(base) : Number.isInteger(alpha)
    ? base + [...String(alpha)].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]).join("")
    : base + "^" + String(alpha).replace("-", "−"));
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  const beamTree = ({ element, props }) => {
    const own = live.at(element), holder = element.querySelector(".beam-tree"), canvas = element.querySelector("canvas");
    const tip = element.querySelector(".beam-tip"), spoken = element.querySelector(".beam-spoken");
    const slider = element.querySelector(".beam-scrub input"), where = element.querySelector(".beam-where");
    const button = (name) => element.querySelector(`[data-act=${name}]`);
    const chooser = element.querySelector("select"), texts = props.texts;
    const ctx = canvas.getContext("2d");
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    const root = { step: -1, index: 0, label: "", parent: null, kids: [], fate: "kept", y: 0, shownY: 0, line: -1, colour: -1 };
    const view = { kx: 1, ky: 1, tx: 100, ty: 0 }, aim = { ...view }; // as drawn, and where it glides to
    const size = { width: 0, height: 0, ratio: 1 };
    let layers = [], ends = [], facts = {}, upto = null, colours = null, onScreen = false, frame = 0;
    let hovered = null, picked = null, mode = "follow", xs = [-100, 0], playing = 0, moving = 0, shown = [], extent = { top: 0, bottom: 0 };
    let dirty = true, drawing = 0, refreshed = 0;

    // ---- facts -> shape -----------------------------------------------------------------------------------------
    const receive = (payload, at) => {
      if (payload.start > layers.length) { own.resync(props.channel); return; }
      const isNew = payload.start === 0 && payload.prompt !== undefined && !same(payload);
      if (isNew) {
        root.label = payload.prompt;
        root.kids = [];
        layers = [];
        upto = hovered = picked = null;
        mode = "follow";
        stopPlaying();
      }
      for (let i = payload.start; i < payload.start + payload.tokens.length; i += 1) {
        const rows = payload.tokens[i - payload.start];
        if (layers[i] && layers[i].text === JSON.stringify(rows)) continue;
        cut(i);
        layers[i] = grown(rows, i);
      }
      facts = { ...facts, ...payload };
      ends = payload.ends;
      picked &&= nodeAt([picked.step, picked.index]);
      frame = at;
      if (payload.label) holder.setAttribute("aria-label", payload.label);
      soon(refresh, false);
    };
    // A frame may bring again what is there: then nothing jumps.
    const same = (payload) => payload.prompt === root.label && payload.tokens.length >= layers.length && layers.length
      && layers.every((layer, i) => layer.text === JSON.stringify(payload.tokens[i]));
    const cut = (from) => {
      for (const node of layers[from - 1]?.nodes ?? [root]) node.kids = [];
      layers.length = Math.min(layers.length, from);
    };
    const grown = (rows, step) => {
      const above = step ? layers[step - 1].nodes : null;
      const nodes = rows.map(([parent, label, logprob, cum, score, fate, beam, rank, note, colour], index) => {
        const from = above ? above[parent] : root;
        const node = { step, index, label, logprob, cum, score, fate, beam, rank, note, colour, parent: from, kids: [], line: -1, y: 0 };
        node.shownY = null; // it grows out of its parent
        from.kids.push(node);
        return node;
      });
      return { nodes, text: JSON.stringify(rows) };
    };
    const nodeAt = ([step, index]) => layers[step]?.nodes[index] ?? null;
    const steps = () => upto ?? layers.length;

    const refresh = () => {
      const count = steps();
      const all = layers.slice(0, count).flatMap((layer) => layer.nodes);
      const isWhole = count === layers.length;
      const running = count ? layers[count - 1].nodes.filter((node) => node.beam >= 0).sort((a, b) => a.beam - b.beam) : [];
      // what stands out is what became of it; before the end, who leads. The colours never change
      const finals = ends.map(nodeAt).filter(Boolean);
      const shownEnds = facts.is_final || isWhole ? finals : running;
      claim(layers.flatMap((layer) => layer.nodes), shownEnds);
      for (const node of all) node.isLiving = node.onPath = false;
      for (const end of isWhole && facts.is_final ? [] : running) for (let n = end; n && !n.isLiving && n !== root; n = n.parent) n.isLiving = true;
      for (let n = picked; n && n !== root; n = n.parent) n.onPath = true;
      const wanted = chooser.value;
      const isShown = (node) => node.step < count && (node.onPath || wanted === "all"
        || (isCore(node) && (wanted === "kept" || node.line >= 0 || node.isLiving)));
      for (const node of [root, ...all]) node.visible = node.kids.filter(isShown);
      shown = [];
      const collect = (node) => { for (const kid of node.visible) { shown.push(kid); collect(kid); } };
      collect(root);
      // in the end what led somewhere is drawn straight, and the graveyard hangs from it
      extent = layout(root, children, facts.is_final ? (node) => node.line >= 0 : undefined);
      xs = columns(ctx, layers, root, colours ??= palette(holder));
      for (const node of shown) if (node.shownY === null) node.shownY = node.parent.shownY ?? node.parent.y;
      glide.from = new Map([root, ...shown].map((node) => [node, node.shownY]));
      glide.view = { ...view };
      // where steps come fast there is no time to glide: the processor belongs to the model
      const now = performance.now(), isFast = now - refreshed < 200;
      refreshed = now;
      moving = calm.matches || !size.width || isFast ? 0 : now;
      settle();
      scrubber();
      dirty = true;
      render();
    };
    const children = (node) => node.visible;
    const glide = { from: new Map(), view: { ...view } };

    // ---- view -------------------------------------------------------------------------------------------------------
    const inner = () => ({ top: 24, bottom: 30, left: 14, right: 30 });
    const textSize = (kx) => (kx < FAR ? (size.width > 1300 ? 16 : 13) : 13.5 * clamp(kx, 0.8, 1.3));
    const settle = () => { // follow: the newest step is on screen, or the whole tree where it stays legible; fit: all of it
      if (!size.width || mode === "free") return;
      const margin = inner(), height = size.height - margin.top - margin.bottom, width = size.width - margin.left - margin.right;
      const count = steps(), words = Math.max(1, xs[count + 1] - xs[0]), gaps = (count + 1) * GAP;
      const near = (width - gaps) / words, whole = near >= FAR ? near : width / (words + gaps / FAR);
      aim.kx = mode === "fit" || whole > 0.77 ? clamp(whole, 0.02, 1.25) : 0.9;
      const over = aim.kx < FAR ? 0 : words * aim.kx + gaps - width, leader = lineEnd();
      const until = leader ? (xs[leader.step + 2] - xs[0]) * aim.kx + (leader.step + 2) * GAP + 40 - width : over;
      aim.tx = margin.left - xs[0] * aim.kx - Math.max(0, Math.min(over, until));
      let { top, bottom } = extent;
      if (over > 0) { // only what is on screen counts
        const seen = shown.filter((node) => { const x = column({ xs, view: aim }, node.step); return x > -20 && x < size.width - 20; });
        top = Math.min(...seen.map((node) => node.y)) - 20;
        bottom = Math.max(...seen.map((node) => node.y)) + 20;
      }
      // what was kept stands no closer than its labels need: a tree that is too high for that is moved, not pressed,
      // by more than a sixth, for then its end would be cut off
      const legible = (textSize(aim.kx) + 8) / (2 * KEPT), fits = height / Math.max(1, bottom - top);
      aim.ky = clamp(fits, mode === "fit" ? 0.01 : fits > legible / 1.2 ? fits : legible, 1.4);
      const used = (bottom - top) * aim.ky;
      aim.ty = margin.top - top * aim.ky + Math.max(0, (height - used) / 2);
      if (used > height && leader) { // too high to fit: keep the leader in the middle
        aim.ty = clamp(size.height / 2 - leader.y * aim.ky, size.height - margin.bottom - bottom * aim.ky, margin.top - top * aim.ky);
      }
    };
    const lineEnd = () => { // where the leader's path ends
      let last = null;
      for (const node of shown) if (node.line === 0 && (!last || node.step > last.step)) last = node;
      return last;
    };
    const zoom = (factor, x, y) => {
      mode = "free";
      const kx = clamp(view.kx * factor, 0.02, 3), ky = clamp(view.ky * factor, 0.01, 3);
      view.tx = x - (x - view.tx) * (kx / view.kx);
      view.ty = y - (y - view.ty) * (ky / view.ky);
      view.kx = kx;
      view.ky = ky;
      dirty = true;
      paint();
    };

    const render = () => {
      if (!dirty || !onScreen || !size.width) return;
      const done = moving ? clamp((performance.now() - moving) / FADE, 0, 1) : 1;
      const eased = 1 - (1 - done) ** 3;
      for (const node of [root, ...shown]) {
        const start = glide.from.get(node) ?? node.y;
        node.shownY = start + (node.y - start) * eased;
      }
      if (mode !== "free") for (const key of Object.keys(view)) view[key] = glide.view[key] + (aim[key] - glide.view[key]) * eased;
      colours ??= palette(holder);
      const text = textSize(view.kx);
      const focus = new Set([hovered, picked].filter(Boolean));
      draw(ctx, { nodes: shown, root, children, view, size, colours, focus, hovered, picked, xs, text });
      Object.assign(holder.dataset, { frame, steps: layers.length, at: steps(), nodes: shown.length, final: Boolean(facts.is_final) });
      if (hovered) place();
      dirty = done < 1;
      if (dirty) paint();
    };
    canvas.picture = (paper) => {
      colours ??= palette(holder);
      const scene = { nodes: shown, root, children, view, size, colours, focus: new Set(picked ? [picked] : []), hovered: null, picked, xs, text: textSize(view.kx) };
      draw(paper, scene);
      dirty = true; // the labels have their places for this paper
    };
    const paint = () => { drawing ||= requestAnimationFrame(() => { drawing = 0; render(); }); };
    const repaint = () => { dirty = true; paint(); };

    // ---- looking at a node --------------------------------------------------------------------------------------
    const signed = (value, digits = 3) => value.toFixed(digits).replace("-", "−");
    const percent = (logprob) => { const p = 100 * Math.exp(logprob); return (p >= 0.01 ? p.toPrecision(3) : p.toExponential(1)) + " %"; };
    const said = (node) => ({
      token: node.label, step: node.step + 1, rank: node.rank + 1, logprob: signed(node.logprob), probability: percent(node.logprob),
      cum: signed(node.cum), score: signed(node.score), power: power(node.step + 1, facts.alpha), note: node.note ?? "",
    });
    const show = (node) => {
      if (node === hovered) return;
      hovered = node;
      tip.hidden = !node;
      if (node) {
        const values = said(node);
        const lines = ["place", "logprob", "cum", "score"].map((key) => made("span", "beam-tip-" + key, filled(texts[key], values)));
        const fate = made("span", "beam-tip-fate", [filled(texts["fate." + node.fate], values), values.note].filter(Boolean).join(" "));
        tip.replaceChildren(made("b", "", node.label), ...lines, fate);
        spoken.textContent = filled(texts.spoken, { ...values, fate: fate.textContent });
      }
      repaint();
    };
    const place = () => {
      const x = hovered.box.x, y = hovered.box.y, above = y > size.height / 2;
      tip.style.left = clamp(x - 20, 4, Math.max(4, size.width - tip.offsetWidth - 4)) + "px";
      tip.style.top = (above ? y - tip.offsetHeight - 20 : y + 24) + "px";
    };
    const nearest = (x, y) => {
      let best = null, least = 1e9;
      for (const node of shown) {
        if (!node.box) continue;
        const dx = Math.max(node.box.x - x, 0, x - node.box.x - Math.max(node.box.w, 6)), dy = Math.abs(node.box.y - y);
        const far = Math.hypot(dx, dy * 1.3) - (isCore(node) ? 2 : 0);
        if (far < least) { least = far; best = node; }
      }
      return least < 16 ? best : null;
    };
    const pick = (node) => {
      picked = node === picked ? null : node;
      own.look(props.node, picked ? [picked.step, picked.index] : null);
      refresh();
    };

    // ---- pointer: hover, drag, pinch; wheel once the tree has been clicked, or with Ctrl -----------------------------
    const pointers = new Map();
    let dragged = 0, pinch = 0;
    const local = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    canvas.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, local(event));
      dragged = 0;
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = local(event), before = pointers.get(event.pointerId);
      if (!before) { if (event.pointerType !== "touch") show(nearest(x, y)); return; }
      pointers.set(event.pointerId, [x, y]);
      if (pointers.size === 2) {
        const [a, b] = [...pointers.values()], wide = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (pinch) zoom(wide / pinch, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
        pinch = wide;
        dragged = 99;
        return;
      }
      dragged += Math.abs(x - before[0]) + Math.abs(y - before[1]);
      if (dragged < 5) return;
      mode = "free";
      view.tx += x - before[0];
      view.ty += y - before[1];
      show(null);
      repaint();
    });
    const lift = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      pinch = 0;
      if (event.type === "pointerup" && dragged < 5) {
        const node = nearest(...local(event)), isLetGo = node && node === picked;
        if (node) pick(node);
        show(event.pointerType === "touch" && isLetGo ? null : node);
      }
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("pointerleave", (event) => { // a finger leaves whenever it is lifted: its numbers stay
      if (!pointers.size && event.pointerType !== "touch") show(null);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return; // the page scrolls
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.0016), ...local(event));
    }, { passive: false });
    canvas.addEventListener("blur", () => show(null));

    // ---- keys ---------------------------------------------------------------------------------------------------------
    canvas.addEventListener("keydown", (event) => {
      const now = hovered ?? picked ?? shown.find((node) => node.line === 0) ?? shown[0];
      const beside = (by) => {
        const column = shown.filter((node) => node.step === now.step).sort((a, b) => a.y - b.y);
        return column[column.indexOf(now) + by];
      };
      const acts = {
        ArrowLeft: () => look(hovered ? now?.parent : now), ArrowRight: () => look(hovered ? best(now) : now),
        ArrowUp: () => look(now && beside(-1)), ArrowDown: () => look(now && beside(1)),
        Enter: () => now && pick(now), " ": () => now && pick(now), ...(hovered || picked ? { Escape: () => { show(null); if (picked) pick(picked); } } : {}),
        "+": () => zoom(1.25, size.width / 2, size.height / 2), "-": () => zoom(0.8, size.width / 2, size.height / 2), 0: act.fit,
      };
      if (!acts[event.key]) return;
      event.preventDefault();
      acts[event.key]();
    });
    const best = (node) => node?.visible.find((kid) => kid.line === node.line && kid.line >= 0) ?? node?.visible[0];
    const look = (node) => {
      if (!node || node === root) return;
      const x = column({ xs, view }, node.step), y = view.ty + node.y * view.ky;
      if (x < 10 || x > size.width - 80) { mode = "free"; view.tx += size.width / 2 - x; }
      if (y < 20 || y > size.height - 30) { mode = "free"; view.ty += size.height / 2 - y; }
      show(node);
    };

    // ---- scrubber: the steps again, in the page ---------------------------------------------------------------------
    const scrubber = () => {
      slider.max = Math.max(1, layers.length);
      slider.value = steps();
      slider.style.setProperty("--share", steps() / Math.max(1, layers.length));
      where.textContent = filled(texts.step, { step: steps(), steps: layers.length });
      slider.setAttribute("aria-valuetext", where.textContent);
    };
    const scrub = (step) => {
      const to = clamp(step, 0, layers.length);
      upto = to >= layers.length ? null : to;
      hovered = null;
      tip.hidden = true;
      refresh();
      own.look(props.step, upto);
    };
    const stopPlaying = () => {
      clearInterval(playing);
      playing = 0;
      button("play").textContent = "▶";
      button("play").setAttribute("aria-label", texts.play);
    };
    const play = () => {
      if (playing) { stopPlaying(); return; }
      if (steps() >= layers.length) scrub(0);
      button("play").textContent = "❚❚";
      button("play").setAttribute("aria-label", texts.pause);
      playing = setInterval(() => {
        if (!element.isConnected || steps() >= layers.length) { stopPlaying(); return; }
        scrub(steps() + 1);
      }, 600);
    };
    slider.addEventListener("input", () => { stopPlaying(); scrub(Number(slider.value)); });
    const act = {
      first: () => { stopPlaying(); scrub(1); }, back: () => { stopPlaying(); scrub(steps() - 1); },
      next: () => { stopPlaying(); scrub(steps() + 1); }, last: () => { stopPlaying(); scrub(layers.length); }, play,
      closer: () => zoom(1.25, size.width / 2, size.height / 2), farther: () => zoom(0.8, size.width / 2, size.height / 2),
      fit: () => { mode = "fit"; refresh(); }, follow: () => { mode = "follow"; refresh(); },
    };
    for (const [name, act_] of Object.entries(act)) button(name).addEventListener("click", act_);
    chooser.addEventListener("change", refresh);

    // ---- mounted, seen, resized, in other colours -----------------------------------------------------------------
    live.themed.add(() => { colours = null; repaint(); });
    new IntersectionObserver((entries) => {
      onScreen = entries[entries.length - 1].isIntersecting;
      repaint();
    }, { rootMargin: "20% 0px" }).observe(canvas);
    new ResizeObserver(() => {
      const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
      if (!width || (width === size.width && height === size.height && ratio === size.ratio)) return;
      Object.assign(size, { width, height, ratio });
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      if (mode !== "free") { settle(); Object.assign(view, aim); glide.view = { ...aim }; }
      repaint();
    }).observe(canvas);
    holder.tree = { // for tests and benchmarks: where a node is, in client coordinates
      place: (step, index) => {
        const found = nodeAt([step, index]), box = canvas.getBoundingClientRect();
        return found?.box && [box.left + found.box.x + Math.min(8, found.box.w / 2), box.top + found.box.y];
      },
      nodes: () => shown.map(({ step, index, label, fate, line, colour, y, box, parent }) => (
        { step, index, label, fate, line, colour, y, parent: parent.index, drawn: box?.label ?? "", x: box?.x, top: box?.y, width: box?.w })),
    };
    own.subscribe(props.channel, receive);
    own.subscribe(props.channel + "_at", ({ steps: count }) => { // a link looks back at a step
      upto = count < layers.length ? count : null;
      soon(refresh, false);
    });
  };

  live.beamTree = beamTree;
})();
