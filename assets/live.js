// The live page: one bus that brings frames to the components of the other files, which patch themselves in place.
// Nothing here knows about decoding. Token text is hostile: it is only ever set as textContent or attribute.
(() => {
  "use strict";
  if (window.livePage) return;

  // ---- plotly.js: half a second of work, begun when the page shows its text --------------------------------------
  const { plotly } = document.currentScript.dataset;
  let isAskedFor = false;
  const runPlotly = () => {
    const script = document.createElement("script");
    script.src = plotly;
    script.addEventListener("load", () => { for (const paint of themed) soon(paint, true); });
    document.head.append(script);
  };

  // ---- the bus: channel name -> newest payload; paints are coalesced per animation frame -----------------------
  const channels = new Map(); // name -> {history: [payload], subscribers: Set}
  const waiting = []; // painters of charts, longest waiting first: each in a task of its own, as soon as there is time
  const quick = new Set(); // painters of plain DOM, all drawn in the next animation frame
  let scheduled = 0, isDrawing = false;
  let frameNumber = 0;

  const channel = (name) => {
    if (!channels.has(name)) channels.set(name, { history: [], subscribers: new Set(), version: 0, resync: () => {}, isHeld: () => false });
    return channels.get(name);
  };

  const flush = () => {
    scheduled = 0;
    for (const paint of quick) attempt(paint);
    quick.clear();
    if (!isAskedFor) { isAskedFor = true; requestAnimationFrame(() => setTimeout(runPlotly)); } // this is on screen then
    if (waiting.length) draw(); // from a page that was hidden meanwhile
  };
  // Not one chart an animation frame: the next frame comes only when the last is on screen.
  const turn = new MessageChannel();
  turn.port1.onmessage = () => {
    isDrawing = false;
    const chart = waiting.shift();
    if (chart) attempt(chart);
    if (waiting.length) draw();
  };
  const draw = () => {
    if (document.hidden) { schedule(); return; }
    if (!isDrawing) { isDrawing = true; turn.port2.postMessage(0); }
  };
  const attempt = (paint) => {
    try { paint(); } catch (error) { console.error(error); }
  };
  const schedule = () => { if (!scheduled) scheduled = requestAnimationFrame(flush); };
  const soon = (paint, isChart) => {
    if (!isChart) { quick.add(paint); schedule(); return; }
    if (!waiting.includes(paint)) waiting.push(paint);
    draw();
  };

  // ---- parts: what stands in an element of the class `apart` hears only the buses in it, and has ids of its own; the
  // rest of the page is a part without a name. See playground/components/apart.py.
  const parts = new Map(); // name -> what a component says, hears and finds there
  const furnish = []; // what other files put into every part
  const part = (name) => {
    if (parts.has(name)) return parts.get(name);
    const key = (channelName) => (name ? name + "/" + channelName : channelName);
    const within = (selector) => (name ? selector.replace(/#(?=[a-z])/g, `#${name}-`) : selector);
    const own = {
      name, within,
      id: (plain) => (name ? `${name}-${plain}` : plain),
      byId: (plain) => document.getElementById(own.id(plain)),
      all: (selector) => [...document.querySelectorAll(within(selector))].filter((found) => at(found) === own),
      find: (selector) => own.all(selector)[0] ?? null,
      publish: (text, resync) => publish(text, resync, key),
      subscribe: (channelName, receive) => subscribe(key(channelName), receive),
      preview: (channelName, payload) => preview(key(channelName), payload),
      hold: (channelName, isHeld) => hold(key(channelName), isHeld),
      resync: (channelName) => channel(key(channelName)).resync(),
    };
    parts.set(name, own);
    for (const add of furnish) add(own);
    return own;
  };
  // The part that an element stands in; without one, the rest of the page.
  const at = (element) => part(element?.closest?.(".apart")?.id ?? "");
  const everyPart = (add) => { furnish.push(add); for (const own of parts.values()) add(own); };

  // A frame is {channels: {name: payload}, versions: {name: number}}: frames overlap, a version is taken once. A version
  // without its payload was sent a few frames ago.
  // A payload with a `start` continues the one before it (see tokenStrip).
  // `resync` asks the sender for everything again.
  const publish = (text, resync, key) => {
    if (!text) return;
    const frame = JSON.parse(text);
    frameNumber += 1;
    // which look is answered, and which settings, is known before the answer
    const first = ([name]) => (name.startsWith("gaze.") ? 2 : Number(name.endsWith(".row")));
    for (const [name, payload] of Object.entries(frame.channels).sort((a, b) => first(b) - first(a))) {
      const known = channel(key(name));
      known.resync = resync;
      const version = frame.versions[name];
      if (version !== undefined && version <= known.version) continue;
      known.version = version ?? known.version;
      if (payload && payload.start > 0) known.history.push(payload); else known.history = [payload];
      if (known.isHeld(payload)) continue;
      for (const receive of known.subscribers) receive(payload, frameNumber);
    }
    for (const [name, version] of Object.entries(frame.versions)) {
      if (!(name in frame.channels) && version > channel(key(name)).version) missed(channel(key(name)), version, resync);
    }
  };
  // A heavy payload was skipped: unless a newer one comes soon, ask for everything.
  let asking = 0;
  const missed = (known, version, resync) => {
    if (!asking) asking = setTimeout(() => { asking = 0; if (known.version < version) resync(); }, 600);
  };
  const subscribe = (name, receive) => {
    const known = channel(name);
    known.subscribers.add(receive);
    for (const payload of known.history) receive(payload, frameNumber);
  };

  // What the page draws on a channel by itself for a moment; what comes from the server meanwhile may be held back.
  const preview = (name, payload) => {
    for (const receive of channel(name).subscribers) receive(payload, frameNumber, true);
  };
  const hold = (name, isHeld) => {
    channel(name).isHeld = isHeld;
    for (const payload of channel(name).history) isHeld(payload);
  };

  // ---- colours: figures name them as var(--plot-…), the page's style sheet says what they are ------------------
  const colour = /^var\((--plot-[a-z-]+)\)$/;
  const resolved = (value, style) => {
    if (typeof value === "string") {
      const match = colour.exec(value);
      return match ? style.getPropertyValue(match[1]).trim() : value;
    }
    if (Array.isArray(value)) {
      const isNumbers = typeof value[0] === "number" && typeof value[value.length - 1] === "number";
      return isNumbers ? value : value.map((item) => resolved(item, style));
    }
    if (value && typeof value === "object") {
      const copy = {};
      for (const key of Object.keys(value)) copy[key] = resolved(value[key], style);
      return copy;
    }
    return value;
  };
  const themed = new Set(); // painters to call again when the theme changes
  let palette = null; // asked of the style sheet once a theme: asking makes the browser lay out the page
  const paletteNow = (element) => {
    if (!palette) {
      const style = getComputedStyle(element);
      const names = new Map();
      palette = { getPropertyValue: (name) => {
        if (!names.has(name)) names.set(name, style.getPropertyValue(name));
        return names.get(name);
      } };
    }
    return palette;
  };
  const watchTheme = () => {
    new MutationObserver(() => { palette = null; for (const paint of themed) soon(paint, true); })
      .observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  if (document.body) watchTheme(); else document.addEventListener("DOMContentLoaded", watchTheme);

  const node = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // ---- LiveBus: a tab each; a channel belongs to the bus that brings it ------------------------------------------
  const liveBus = ({ element, props, trigger, watch }) => {
    const resync = () => trigger("resync"), own = at(element);
    watch("value", () => own.publish(props.value, resync));
    own.publish(props.value, resync);
  };

  const copyText = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    const field = node("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy"); // the only way on a page served without https
    field.remove();
  };

  // what the components of the other files of this folder are made of: they are loaded after this one
  const nextFrame = () => ++frameNumber; // of a payload that came without a bus
  window.livePage = { at, everyPart, nextFrame, soon, themed, resolved, paletteNow, node, copyText, liveBus };
})();
