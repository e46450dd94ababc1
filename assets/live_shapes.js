// What temperature, top-k, top-p and min-p make of a row of logits: shapes for a slider that is being dragged. The same
// arithmetic as playground/decoding/processors.py on the row of playground/views/slider_row.py (a test compares them).
(() => {
  "use strict";
  const page = window.livePage;
  if (page.shapes) return;

  // row: {size, single: [logit below the highest], groups: [[tokens, logit]]}; settings: {name: value}; order: [name].
  // Gives {base, cuts, final}: `base` as the first truncation meets it and `final` have probability(logit) and mass(n),
  // the share of the n most probable; cuts: [{name, kept}].
  page.shapes = (row, settings, order) => {
    const logits = [...row.single, ...row.groups.map(([, logit]) => logit)];
    const counts = [...row.single.map(() => 1), ...row.groups.map(([count]) => count)];
    const upTo = [0];
    for (const count of counts) upTo.push(upTo.at(-1) + count);
    // how many tokens lie above a logit, or on it too
    const above = (logit, isOnToo) => {
      let low = 0, high = logits.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (logits[middle] > logit || (isOnToo && logits[middle] === logit)) low = middle + 1; else high = middle;
      }
      return upTo[low];
    };
    const itemOf = (place) => { // which entry holds the token at that place, 0 for the most probable
      let low = 0, high = logits.length - 1;
      while (low < high) { const middle = (low + high) >> 1; if (upTo[middle + 1] > place) high = middle; else low = middle + 1; }
      return low;
    };
    const softened = (temperature, kept) => {
      const weights = logits.map((logit) => Math.exp(logit / temperature)), sums = [0];
      weights.forEach((weight, i) => sums.push(sums[i] + weight * counts[i]));
      const sum = (n) => {
        if (n <= 0) return 0;
        const item = itemOf(Math.min(n, row.size) - 1);
        return sums[item] + weights[item] * (Math.min(n, row.size) - upTo[item]);
      };
      const total = sum(kept);
      return {
        kept, temperature,
        mass: (n) => Math.min(1, sum(Math.min(n, kept)) / total),
        probability: (logit) => (logit !== null && above(logit) < kept ? Math.exp(logit / temperature) / total : 0),
        at: (rank) => weights[itemOf(rank - 1)] / total,
        reaching: (share) => { // the smallest number of most probable tokens that have it
          const wanted = share * total;
          let low = 0, high = logits.length - 1;
          while (low < high) { const middle = (low + high) >> 1; if (sums[middle + 1] >= wanted) high = middle; else low = middle + 1; }
          const n = upTo[low] + Math.ceil((wanted - sums[low]) / weights[low] - 1e-9);
          return Math.max(1, Math.min(kept, n));
        },
      };
    };
    let temperature = 1, kept = row.size, base = null;
    const cuts = [];
    const cut = (name, left) => {
      base = base ?? softened(temperature, kept);
      kept = Math.max(1, Math.min(kept, left));
      cuts.push({ name, kept });
    };
    for (const name of order) {
      const value = settings[name];
      if (name === "temperature") temperature *= value;
      else if (name === "top_k" && value > 0) cut(name, value < row.size ? Math.max(value, above(logits[itemOf(value - 1)], value <= row.single.length)) : row.size);
      else if (name === "top_p" && value < 1) cut(name, softened(temperature, kept).reaching(value));
      else if (name === "min_p" && value > 0) cut(name, above(temperature * Math.log(value), true));
    }
    const final = softened(temperature, kept);
    return { base: base ?? final, cuts, final, above };
  };
})();
