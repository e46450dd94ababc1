// The shape of a beam tree: where every node stands, which chains never branch, whose path is whose. No drawing here.
(() => {
  "use strict";
  if (!window.livePage || window.livePage.beamLayout) return;

  const KEPT = 20, PRUNED = 9; // half the height of a row, in the tree's own units
  const half = (node) => (node.fate === "kept" || node.fate === "finished" ? KEPT : PRUNED);
  const isCore = (node) => node.fate === "kept" || node.fate === "finished";

  // Children keep the order of their ranks, so nothing ever changes places. A parent stands in the middle of its main
  // children, those of `isMain` (else of the kept ones, else of all): a run that does not branch is a straight line.
  // Subtrees are pushed together until they touch in one column, so the height is that of the fullest column, not of
  // all leaves. `children(node)` lists what is visible. Sets node.y; returns {top, bottom} of the whole tree.
  const layout = (root, children, isMain = isCore) => {
    const settle = (node) => { // -> {top: [per depth], bottom: [per depth]} with the node itself at 0
      const own = half(node), kids = children(node);
      const top = [-own], bottom = [own];
      if (!kids.length) return { top, bottom };
      const acc = { top: [], bottom: [] };
      for (const kid of kids) {
        const sub = settle(kid);
        let shift = acc.bottom.length ? -Infinity : 0;
        for (let d = 0; d < Math.min(acc.bottom.length, sub.top.length); d += 1) {
          shift = Math.max(shift, acc.bottom[d] - sub.top[d]);
        }
        kid.offset = shift;
        for (let d = 0; d < sub.top.length; d += 1) {
          if (d >= acc.top.length) { acc.top.push(sub.top[d] + shift); acc.bottom.push(sub.bottom[d] + shift); continue; }
          acc.top[d] = Math.min(acc.top[d], sub.top[d] + shift);
          acc.bottom[d] = Math.max(acc.bottom[d], sub.bottom[d] + shift);
        }
      }
      const span = [isMain, isCore, () => true].map((rule) => kids.filter(rule)).find((some) => some.length);
      const middle = (span[0].offset + span[span.length - 1].offset) / 2;
      for (const kid of kids) kid.offset -= middle;
      for (let d = 0; d < acc.top.length; d += 1) { top.push(acc.top[d] - middle); bottom.push(acc.bottom[d] - middle); }
      return { top, bottom };
    };
    const { top, bottom } = settle(root);
    const put = (node, y) => { node.y = y; for (const kid of children(node)) put(kid, y + kid.offset); };
    put(root, 0);
    return { top: Math.min(...top), bottom: Math.max(...bottom) };
  };

  // Each node gets `line`: the place (from 0) of the best sequence whose path it lies on, or -1.
  const claim = (nodes, ends) => {
    for (const node of nodes) node.line = -1;
    ends.forEach((end, place) => {
      for (let node = end; node && node.line < 0; node = node.parent) node.line = place;
    });
  };

  // Chains of two or more nodes of one line that stand level and that no other line leaves: [[first, …, last]].
  const runs = (root, children, isLit) => {
    const found = [];
    const walk = (node, chain) => {
      const lit = children(node).filter(isLit), only = lit[0];
      if (lit.length === 1 && only.line === node.line && Math.abs(only.y - node.y) < 1 && node !== root) { walk(only, [...chain, only]); return; }
      if (chain.length > 1) found.push(chain);
      for (const kid of lit) walk(kid, [kid]);
    };
    walk(root, []);
    return found;
  };

  window.livePage.beamLayout = { layout, claim, runs, isCore, KEPT };
})();
