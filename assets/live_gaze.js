// Gaze: what a person looks at is a value, not a toggle (see playground/components/gaze.py). Whoever shows it sets it,
// the newest one is asked for, and an answer to an older one changes nothing that the person has chosen since.
(() => {
  "use strict";
  const page = window.livePage;
  if (!page || page.gaze) return;

  const PATIENCE = 5000; // ms after which a look without an answer is given up: the server has the say again
  const gazes = new Map(); // name -> {asked, answered: numbers of looks, since, send}
  const named = (name) => {
    if (!gazes.has(name)) gazes.set(name, { asked: 0, answered: 0, since: 0, send: () => {} });
    return gazes.get(name);
  };
  const gaze = ({ props, trigger }) => {
    const own = named(props.gaze);
    own.send = (picked) => {
      own.asked += 1;
      own.since = performance.now();
      // a value, because Gradio repeats the data of the event before when it makes up for one that had to wait
      props.value = JSON.stringify({ at: own.asked, picked });
      trigger("input");
    };
    page.subscribe("gaze." + props.gaze, (at) => { own.answered = Math.max(own.answered, at); });
  };
  // The person looks at `picked`; asks the server.
  const look = (name, picked) => named(name).send(picked);
  // Whether the person has looked elsewhere since what the server answered last: then its answers don't move the mark.
  const isAhead = (name) => {
    const { asked, answered, since } = named(name);
    return asked > answered && performance.now() - since < PATIENCE;
  };

  Object.assign(page, { gaze, look, isAhead });
})();
